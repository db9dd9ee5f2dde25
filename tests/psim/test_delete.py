"""`POST` and `DELETE /deletearchivetask`, and the file that goes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.models import Download
from exports.models import ExportJob
from exports.psim import services
from exports.psim.models import ArchiveTask
from tests import factories
from tests.psim.conftest import refused


@pytest.mark.parametrize("method", ["post", "delete"])
def test_cancels_what_is_being_made(psim, alice, yard, method):
    client = psim(alice)
    task_id = client.task(yard)

    answer = client.delete(task_id, method)

    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == list(client.status(task_id).json())
    assert (body["State"], body["Url"], body["ArchiveTaskId"]) == ("Deleted", None, task_id)
    assert ExportJob.objects.get().state == "cancelled"
    assert not Download.objects.exists()
    assert client.status(task_id).json() == body


def test_takes_the_file_away(psim, alice, yard, settings, django_capture_on_commit_callbacks):
    client = psim(alice)
    task_id = client.task(yard)
    file = settings.STORAGE_DIR / factories.finish(ExportJob.objects.get()).file

    with django_capture_on_commit_callbacks(execute=True):
        client.delete(task_id)

    assert not file.exists()
    refused(client.download(task_id), 404)


def test_leaves_the_file_to_others_who_ordered_it(psim, alice, mallory, yard, settings):
    factories.grant(mallory, yard)
    mine, theirs = psim(alice).task(yard), psim(mallory).task(yard)
    file = settings.STORAGE_DIR / factories.finish(ExportJob.objects.get()).file

    psim(alice).delete(mine)

    assert file.exists()
    assert psim(mallory).status(theirs).json()["State"] == "ReadyForDownload"
    assert psim(alice).status(mine).json()["State"] == "Deleted"


def test_is_done_when_it_was_done_before(psim, alice, yard):
    client = psim(alice)
    task_id = client.task(yard)
    assert client.delete(task_id).json() == client.delete(task_id, "post").json()


def test_is_not_done_by_looking(psim, alice, yard):
    client = psim(alice)
    task_id = client.task(yard)

    answer = client.delete(task_id, "get")

    refused(answer, 405)
    assert answer["Allow"] == "POST, DELETE, OPTIONS"
    assert ArchiveTask.objects.get().download is not None


def test_ends_with_its_user(psim, alice, yard):
    psim(alice).task(yard)
    psim(alice).client.get("/token")
    alice.delete()
    assert not ArchiveTask.objects.exists()


def test_is_forgotten_after_a_month_and_what_has_a_record_never(psim, alice, yard):
    client = psim(alice)
    kept, deleted = client.task(yard), client.task(yard)
    client.delete(deleted)
    later = timezone.now() + timedelta(days=29)

    assert services.forget_deleted(later) == 0
    assert services.forget_deleted(later + timedelta(days=2)) == 1

    refused(client.status(deleted), 404)
    assert client.status(kept).status_code == 200
