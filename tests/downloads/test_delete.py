"""DELETE /api/v1/downloads/{id}"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import Http404
from django.utils import timezone
from rest_framework.test import APIClient

from downloads import services
from downloads.models import Download
from tests import factories
from vms.push.models import Event

PATHS = ("/api/v1/downloads", "/api/v1/users/downloads")


@pytest.fixture
def delete(django_capture_on_commit_callbacks):
    """Delete, and let happen what happens when the transaction commits."""

    def delete(client, download_id, path=PATHS[0]):
        with django_capture_on_commit_callbacks(execute=True):
            return client.delete(f"{path}/{download_id}")

    return delete


@pytest.mark.parametrize("path", PATHS)
def test_removes_the_record_and_its_file(api, alice, settings, delete, path):
    download = factories.ready_download(alice)
    file = settings.STORAGE_DIR / download.job.file
    client = api(alice)
    answer = delete(client, download.pk, path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert not file.exists()
    download.job.refresh_from_db()
    assert download.job.state == "expired"
    assert client.get(f"{path}/{download.pk}").status_code == 404
    assert client.delete(f"{path}/{download.pk}").status_code == 404


def test_removes_the_row_first_and_the_file_after_the_commit(
    api, alice, settings, django_capture_on_commit_callbacks
):
    download = factories.ready_download(alice)
    with django_capture_on_commit_callbacks() as callbacks:
        api(alice).delete(f"{PATHS[0]}/{download.pk}")
    assert (settings.STORAGE_DIR / download.job.file).exists()
    # The owner is told, the file goes.
    assert len(callbacks) == 2


def test_tells_the_owner(api, alice, delete):
    download = factories.ready_download(alice, session_id="5" * 32)
    delete(api(alice), download.pk)
    event = Event.objects.get()
    assert (event.user_id, event.session_id) == (alice.pk, "5" * 32)
    assert event.body == {
        "type": "archive_deleted",
        "status": "ok",
        "data": {"download_id": download.pk},
    }


def test_leaves_the_file_to_others_until_the_last_of_them(api, alice, bob, settings, delete):
    earlier = timezone.now() - timedelta(hours=1)
    hers = factories.ready_download(alice)
    his = factories.download(
        bob, job=hers.job, expires_at=earlier + timedelta(hours=3), announced_at=earlier
    )
    file = settings.STORAGE_DIR / hers.job.file
    delete(api(alice), hers.pk)
    assert file.exists()
    his.job.refresh_from_db()
    assert (his.job.state, his.job.expires_at) == ("ready", his.expires_at)
    delete(api(bob), his.pk)
    assert not file.exists()


def test_removes_a_file_whose_other_links_are_dead(api, alice, bob, settings, delete):
    now = timezone.now()
    hers = factories.ready_download(alice)
    factories.download(bob, job=hers.job, expires_at=now - timedelta(minutes=1), announced_at=now)
    delete(api(alice), hers.pk)
    assert not (settings.STORAGE_DIR / hers.job.file).exists()


@pytest.mark.parametrize(("state", "left"), [("queued", "cancelled"), ("running", "running")])
def test_stops_the_work_nobody_waits_for(api, alice, delete, state, left):
    download = factories.download(alice, job=factories.job(state=state))
    delete(api(alice), download.pk)
    download.job.refresh_from_db()
    assert (download.job.state, download.job.cancel_requested) == (left, True)


def test_leaves_work_that_somebody_else_waits_for(api, alice, bob, delete):
    job = factories.job(state="running")
    hers = factories.download(alice, job=job)
    factories.download(bob, job=job)
    delete(api(alice), hers.pk)
    job.refresh_from_db()
    assert (job.state, job.cancel_requested) == ("running", False)


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_removes_records_without_a_file(api, alice, delete, state):
    download = factories.download(alice, job=factories.job(state=state))
    assert delete(api(alice), download.pk).status_code == 200
    assert not Download.objects.exists()


def test_removes_the_record_of_a_file_that_is_missing(api, alice, settings, delete):
    download = factories.ready_download(alice)
    (settings.STORAGE_DIR / download.job.file).unlink()
    assert delete(api(alice), download.pk).status_code == 200


def test_refuses_a_stranger(alice):
    download = factories.ready_download(alice)
    assert APIClient().delete(f"{PATHS[0]}/{download.pk}").status_code == 401
    assert Download.objects.exists()


def test_answers_a_foreign_id_as_an_unknown_one(api, alice, bob, mallory, settings, delete):
    download = factories.ready_download(alice)
    for user in (bob, mallory):
        client = api(user)
        foreign, unknown = delete(client, download.pk), delete(client, download.pk + 1000)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.content == unknown.content
    assert Download.objects.exists()
    assert (settings.STORAGE_DIR / download.job.file).exists()


@pytest.mark.parametrize("change", ["repeat", "cancel", "delete"])
def test_looks_unknown_to_a_request_that_came_a_moment_later(alice, change):
    download = factories.download(alice, job=factories.job())
    late = Download.objects.get()
    services.delete(download, timezone.now())
    arguments = (late, alice, timezone.now()) if change == "repeat" else (late, timezone.now())
    with pytest.raises(Http404):
        getattr(services, change)(*arguments)
