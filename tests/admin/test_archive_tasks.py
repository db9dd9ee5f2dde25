"""The operator page of PSIM's archive tasks."""

from __future__ import annotations

import pytest

from downloads.models import Download
from exports.models import ExportJob
from exports.psim.models import ArchiveTask
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/psim/archivetask/"


@pytest.fixture
def task(alice):
    camera = factories.recorded(owner=alice, name="Gate 2")
    job = factories.job(stream=camera.streams.get())
    return factories.archive_task(factories.download(alice, job=job), camera_id=7)


def test_shows_tasks_with_their_owner(pages, task):
    page = pages.get(LIST).text
    assert all(word in page for word in ("alice", "Gate 2", "mp4", "Created", "0 %"))
    factories.fail(task.download.job, message="The archive is gone.")
    page = pages.get(LIST).text
    assert "Error" in page
    assert "The archive is gone." in page


@pytest.mark.parametrize("where", [LIST, "detail", "delete"])
def test_shows_no_id_that_opens_a_file(pages, task, where):
    address = where if where == LIST else f"{LIST}{task.pk}/{'delete/' * (where == 'delete')}"
    answer = pages.get(address, follow=True)
    assert answer.status_code == 200
    page = answer.text
    assert "2023" in page
    assert str(task.task_id) not in page
    assert task.task_id.hex not in page


@pytest.mark.parametrize("words", ["alice", "{task_id}", "{pk}", "{day}"])
def test_finds_tasks_by_owner_id_and_day(pages, mallory, task, words):
    other = factories.archive_task(factories.download(mallory, job=factories.job()))
    ArchiveTask.objects.filter(pk=other.pk).update(created_at=factories.BEGIN)
    words = words.format(task_id=task.task_id, pk=task.pk, day=task.created_at.date())
    page = pages.get(LIST, {"q": words}).text
    assert "1 archive task" in page
    assert f"{LIST}{task.pk}/change/" in page


def test_deleting_one_cancels_what_is_being_made(pages, task):
    assert pages.post(f"{LIST}{task.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ArchiveTask.objects.exists()
    assert not Download.objects.exists()
    assert ExportJob.objects.get().state == "cancelled"


def test_shows_a_task_whose_download_is_gone(pages, task):
    Download.objects.all().delete()
    assert "Deleted" in pages.get(LIST).text
    assert pages.get(f"{LIST}{task.pk}/change/").status_code == 200
