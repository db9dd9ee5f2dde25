"""POST /api/v1/downloads/{id}/repeat"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from exports.models import ExportJob
from tests import factories
from vms.push.models import Event

PATHS = ("/api/v1/downloads", "/api/v1/users/downloads")


@pytest.fixture
def stream(yard):
    return yard.streams.get()


def repeat(client, download_id, path=PATHS[0]):
    return client.post(f"{path}/{download_id}/repeat")


def refused(answer):
    assert answer.status_code == 422, answer.content
    assert answer.json()["message"] == "The given data was invalid."
    return set(answer.json()["errors"])


@pytest.mark.parametrize("path", PATHS)
def test_makes_an_expired_file_again_under_the_same_record(api, alice, stream, path):
    download = factories.ready_download(
        alice, stream=stream, now=timezone.now() - timedelta(hours=4)
    )
    old = download.job
    answer = repeat(api(alice), download.pk, path)
    assert answer.status_code == 200
    record = answer.json()
    assert (record["id"], record["status"], record["progress"]) == (download.pk, "queued", 0)
    assert (record["url"], record["is_file_exists"], record["expires_at"]) == (None, False, None)
    assert record["stream"]["id"] == stream.pk
    download.refresh_from_db()
    assert download.job_id != old.pk
    assert (download.job.begin, download.job.end) == (old.begin, old.end)
    assert (download.expires_at, download.announced_at) == (None, None)


def test_queues_the_new_job(api, alice, stream, django_capture_on_commit_callbacks):
    download = factories.download(alice, job=factories.fail(factories.job(stream=stream)))
    with django_capture_on_commit_callbacks() as callbacks:
        repeat(api(alice), download.pk)
    assert len(callbacks) == 1


def test_keeps_the_options_of_the_first_time(api, alice, stream):
    job = factories.job(stream=stream, state="expired", cut="keyframe", gaps="fail")
    download = factories.download(alice, job=job)
    repeat(api(alice), download.pk)
    download.refresh_from_db()
    assert (download.job.cut, download.job.gaps) == ("keyframe", "fail")


def test_starts_new_hours_of_a_file_that_is_there_and_tells_the_owner(api, alice, stream):
    earlier = timezone.now() - timedelta(hours=2)
    download = factories.ready_download(alice, stream=stream, now=earlier)
    job_id, secret = download.job_id, download.secret
    record = repeat(api(alice), download.pk).json()
    assert (record["status"], record["is_file_exists"]) == ("ready", True)
    download.refresh_from_db()
    assert (download.job_id, download.secret) == (job_id, secret)
    assert download.expires_at > timezone.now() + timedelta(hours=2, minutes=59)
    assert download.job.expires_at == download.expires_at
    [event] = Event.objects.all()
    assert event.body["status"] == "ok"


def test_leaves_the_hours_of_others_who_share_the_file(api, alice, bob, stream):
    earlier = timezone.now() - timedelta(hours=1)
    hers = factories.ready_download(alice, stream=stream, now=earlier)
    his = factories.download(bob, job=hers.job, expires_at=hers.expires_at, announced_at=earlier)
    repeat(api(alice), hers.pk)
    his.refresh_from_db()
    assert his.expires_at == earlier + timedelta(hours=3)


def test_makes_a_file_again_that_somebody_took_away(api, alice, stream, settings):
    download = factories.ready_download(alice, stream=stream)
    (settings.STORAGE_DIR / download.job.file).unlink()
    assert repeat(api(alice), download.pk).json()["status"] == "queued"


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_works_again_after_every_end(api, alice, stream, state):
    job = factories.job(stream=stream, state=state, error_code="x", error_message="y")
    download = factories.download(alice, job=job, announced_at=timezone.now())
    record = repeat(api(alice), download.pk).json()
    assert (record["status"], record["error"]) == ("queued", None)


def test_works_again_after_a_cancel_while_the_old_job_still_stops(api, alice, stream):
    job = factories.job(stream=stream, state="running", cancel_requested=True)
    download = factories.download(alice, job=job, cancelled_at=timezone.now())
    assert repeat(api(alice), download.pk).json()["status"] == "queued"
    download.refresh_from_db()
    assert download.job_id != job.pk
    assert download.cancelled_at is None


def test_joins_a_job_that_makes_the_same_file_already(api, alice, bob, yard, stream):
    factories.grant(bob, yard)
    old = factories.download(alice, job=factories.job(stream=stream, state="expired"))
    body = factories.order_body(yard)
    api(bob).post(PATHS[0], body, format="json")
    running = ExportJob.objects.get(state="queued")
    repeat(api(alice), old.pk)
    old.refresh_from_db()
    assert old.job_id == running.pk


# --- who may not ---


def test_refuses_a_stranger(alice):
    download = factories.ready_download(alice)
    assert repeat(APIClient(), download.pk).status_code == 401


def test_answers_a_foreign_id_as_an_unknown_one(api, alice, bob, mallory):
    download = factories.download(alice, job=factories.job(state="expired"))
    for user in (bob, mallory):
        client = api(user)
        foreign, unknown = repeat(client, download.pk), repeat(client, download.pk + 1000)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.content == unknown.content
    assert ExportJob.objects.count() == 1


# --- what is refused ---


@pytest.mark.parametrize("state", ["queued", "running"])
def test_refuses_while_the_file_is_being_made(api, alice, stream, state):
    download = factories.download(alice, job=factories.job(stream=stream, state=state))
    assert refused(repeat(api(alice), download.pk)) == {"download"}


def test_refuses_when_the_archive_is_gone(api, alice, stream):
    download = factories.download(alice, job=factories.job(stream=stream, state="expired"))
    stream.segments.all().delete()
    assert refused(repeat(api(alice), download.pk)) == {"download"}
    download.refresh_from_db()
    assert download.job.state == "expired"


def test_refuses_when_the_camera_is_gone(api, alice, yard, stream):
    download = factories.download(alice, job=factories.job(stream=stream, state="expired"))
    yard.delete()
    assert refused(repeat(api(alice), download.pk)) == {"download"}


@pytest.mark.parametrize("status", ["blocked", None])
def test_refuses_when_the_access_is_gone(api, alice, yard, stream, status):
    download = factories.download(alice, job=factories.job(stream=stream, state="expired"))
    if status:
        factories.grant(alice, yard, status=status)
    else:
        yard.access.all().delete()
    assert refused(repeat(api(alice), download.pk)) == {"download"}
    assert ExportJob.objects.count() == 1


def test_refuses_a_user_who_may_not_watch_the_camera_any_more(alice, api, stream):
    download = factories.ready_download(alice, stream=stream)
    factories.grant(alice, stream.camera, status="blocked")
    assert refused(repeat(api(alice), download.pk)) == {"download"}


def test_refuses_to_make_more_at_a_time_than_the_quota(api, alice, stream, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_ACTIVE": 1}
    first, second = (
        factories.download(alice, job=factories.fail(factories.job(stream=stream, seconds=seconds)))
        for seconds in (20, 30)
    )
    kept = factories.ready_download(alice, stream=stream)
    client = api(alice)
    assert repeat(client, first.pk).status_code == 200
    assert refused(repeat(client, second.pk)) == {"download"}
    assert repeat(client, kept.pk).status_code == 200
