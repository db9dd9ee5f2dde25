from __future__ import annotations

import os
import time
from contextlib import closing, suppress
from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from downloads.models import Download
from downloads.tasks import clean_up, make_next, reconcile
from exports.models import ExportJob
from exports.wakeups import queue_length, wake
from tests import factories
from vms.push.models import Event
from vms.push.publish import record_event

# Far from what it takes, and from how long celery tries when it is let.
BEARABLE_SECONDS = 30


def let_time_pass(path, minutes=10):
    before = time.time() - minutes * 60
    os.utime(path, (before, before))


# --- make_next ---


def test_does_nothing_when_nothing_waits(db):
    make_next()
    assert not Event.objects.exists()


@pytest.mark.parametrize("state", ["running", "ready", "failed", "cancelled", "expired"])
def test_does_nothing_for_a_job_that_somebody_has_or_that_has_ended(alice, state):
    job = factories.job(state=state, attempt=1, owner="other")
    factories.download(alice, job=job)
    make_next()
    job.refresh_from_db()
    assert (job.state, job.attempt, job.owner) == (state, 1, "other")
    assert not Event.objects.exists()


def test_tells_everybody_when_there_is_nothing_to_make_it_of(alice, bob, yard):
    stream = yard.streams.get()
    stream.segments.all().delete()
    job = factories.job(stream=stream)
    factories.download(alice, job=job)
    factories.download(bob, job=job)
    make_next()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "no_footage")
    assert [event.body["status"] for event in Event.objects.all()] == ["error", "error"]


def test_fails_in_words_when_the_camera_is_gone(alice):
    factories.download(alice, job=factories.job(stream=None))
    make_next()
    [event] = Event.objects.all()
    assert "camera" in event.body["data"]["download"]["error"]["message"]


def test_fails_in_words_when_the_files_of_the_archive_are_gone(alice, yard, settings):
    factories.download(alice, job=factories.job(stream=yard.streams.get()))
    make_next()
    [event] = Event.objects.all()
    message = event.body["data"]["download"]["error"]["message"]
    assert event.body["status"] == "error"
    assert str(settings.ARCHIVE_DIR) not in message
    assert [path for path in settings.STORAGE_DIR.rglob("*") if path.is_file()] == []


# --- clean_up ---


def test_removes_files_whose_time_has_come_and_keeps_the_records(alice, settings):
    now = timezone.now()
    old = factories.ready_download(alice, now=now - timedelta(hours=3, seconds=1))
    young = factories.ready_download(alice, now=now - timedelta(hours=2, minutes=59))
    clean_up()
    old.job.refresh_from_db()
    young.job.refresh_from_db()
    assert (old.job.state, young.job.state) == ("expired", "ready")
    assert not (settings.STORAGE_DIR / old.job.file).exists()
    assert (settings.STORAGE_DIR / young.job.file).exists()
    assert Download.objects.count() == 2


def test_keeps_a_file_until_the_last_link_to_it_dies(alice, bob, settings):
    now = timezone.now()
    first = factories.ready_download(alice, now=now - timedelta(hours=4))
    factories.download(bob, job=first.job, expires_at=now + timedelta(hours=2), announced_at=now)
    ExportJob.objects.update(expires_at=now + timedelta(hours=2))
    clean_up()
    assert (settings.STORAGE_DIR / first.job.file).exists()


def test_removes_strays_but_spares_what_is_known_or_fresh(alice, settings):
    kept = factories.ready_download(alice)
    running = factories.job(state="running", attempt=2)
    partial = settings.STORAGE_DIR / ".partial"
    partial.mkdir(exist_ok=True)
    own = partial / f"{running.pk.hex}-2.mp4"
    lost = partial / f"{running.pk.hex}-1.mp4"
    stray = settings.STORAGE_DIR / "ab" / f"{'ab' * 16}-1.mp4"
    fresh = settings.STORAGE_DIR / "ab" / f"{'abcd' * 8}-1.mp4"
    foreign = settings.STORAGE_DIR / "vms.sqlite3"
    stray.parent.mkdir()
    for path in (own, lost, stray, fresh, foreign):
        path.write_bytes(b"x")
    ready = settings.STORAGE_DIR / kept.job.file
    for path in (own, lost, stray, ready, foreign):
        let_time_pass(path)
    clean_up()
    assert [path.exists() for path in (ready, own, fresh, foreign)] == [True] * 4
    assert [path.exists() for path in (lost, stray)] == [False, False]


def test_forgets_events_older_than_the_files(alice):
    now = timezone.now()
    for hours in (4, 2):
        record_event(user_id=alice.pk, session_id="", body={}, now=now - timedelta(hours=hours))
    clean_up()
    assert Event.objects.count() == 1


def test_cleans_up_twice_as_well_as_once(alice):
    factories.ready_download(alice, now=timezone.now() - timedelta(hours=4))
    clean_up()
    clean_up()
    assert ExportJob.objects.get().state == "expired"


# --- reconcile ---


def silent_job(**fields):
    earlier = timezone.now() - timedelta(minutes=5)
    return factories.job(
        **{"state": "running", "attempt": 1, "owner": "w", "heartbeat_at": earlier, **fields}
    )


@pytest.fixture
def queue(valkey, broker):
    """A broker that runs."""
    _process, url = valkey
    broker(url)


def messages():
    """Take everything out of the queue: the arguments of each task."""
    found = []
    with (
        current_app.connection_for_read() as connection,
        closing(connection.SimpleQueue("exports")) as waiting,
        suppress(waiting.Empty),
    ):
        while message := waiting.get(block=False):
            found.append(message.payload[0])
            message.ack()
    return found


def test_gives_a_lost_workers_job_to_another(alice, queue):
    download = factories.download(alice, job=silent_job())
    reconcile()
    download.job.refresh_from_db()
    assert (download.job.state, download.job.owner) == ("queued", "")
    assert messages() == [[""]]


def test_leaves_a_job_whose_worker_lives(alice):
    job = silent_job(heartbeat_at=timezone.now())
    factories.download(alice, job=job)
    reconcile()
    job.refresh_from_db()
    assert job.state == "running"


def test_settles_a_cancelled_job_of_a_lost_worker(alice):
    job = silent_job(cancel_requested=True)
    factories.download(alice, job=job, cancelled_at=timezone.now())
    reconcile()
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert not Event.objects.exists()


def test_gives_up_after_the_last_attempt_and_says_so(alice, settings):
    job = silent_job(attempt=settings.VMS["VMS_EXPORT_MAX_ATTEMPTS"])
    factories.download(alice, job=job)
    reconcile()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "worker_lost")
    assert Event.objects.get().body["status"] == "error"


def test_tells_owners_who_were_not_told(alice, bob):
    factories.download(alice, job=factories.finish(factories.job()))
    factories.download(bob, job=factories.fail(factories.job()))
    factories.download(bob, job=factories.finish(factories.job()), cancelled_at=timezone.now())
    reconcile()
    reconcile()
    told = Event.objects.order_by("user_id")
    assert [(event.user_id, event.body["status"]) for event in told] == [
        (alice.pk, "ok"),
        (bob.pk, "error"),
    ]


def test_sends_a_lost_message_again_once(alice, queue):
    job = factories.job(queued_at=timezone.now() - timedelta(minutes=5))
    factories.download(alice, job=job)
    reconcile()
    reconcile()
    assert messages() == [[""]]


def test_sends_no_message_more_than_jobs_wait(alice, queue):
    job = factories.job(queued_at=timezone.now() - timedelta(minutes=5))
    factories.download(alice, job=job)
    wake("")
    assert queue_length("exports") == 1
    reconcile()
    assert messages() == [[""]]


def test_counts_no_messages_in_a_queue_that_does_not_exist(db, queue):
    assert queue_length("exports") == 0


def test_gives_up_soon_without_a_broker_and_loses_nothing(alice):
    job = factories.job(queued_at=timezone.now() - timedelta(minutes=5))
    factories.download(alice, job=job)
    began = time.monotonic()
    with pytest.raises(OperationalError):
        reconcile()
    assert time.monotonic() - began < BEARABLE_SECONDS
    job.refresh_from_db()
    assert job.state == "queued"


def test_cancels_jobs_no_record_points_at_and_forgets_them(db):
    now = timezone.now()
    hour = now - timedelta(hours=1)
    queued = factories.job(created_at=hour)
    ready = factories.finish(factories.job(created_at=hour), now=now)
    ended = factories.fail(factories.job(created_at=now - timedelta(days=2)))
    new = factories.job(created_at=now)
    clean_up()
    states = dict(ExportJob.objects.values_list("pk", "state"))
    assert states == {queued.pk: "cancelled", ready.pk: "expired", new.pk: "queued"}
    assert ended.pk not in states
