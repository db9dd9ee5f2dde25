from __future__ import annotations

import os
import shutil
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from exports import room, states, storage
from exports.errors import LeaseLost, NoRoom, TooLarge
from exports.models import ExportJob
from tests import factories

pytestmark = pytest.mark.django_db

NOW = timezone.now()
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def quota(settings):
    """Leave 1000 bytes for all files; gives a way to leave others."""

    def quota(size):
        values = {"VMS_STORAGE_QUOTA_BYTES": size, "VMS_EXPORT_RESERVE_BYTES": 0}
        settings.VMS = {**settings.VMS, **values}

    quota(1000)
    return quota


def running():
    job = factories.job()
    return states.claim(job.pk, "worker", NOW)


def ready(size, *, expires_at):
    job = factories.finish(factories.job(), content=b"x" * size)
    ExportJob.objects.filter(pk=job.pk).update(expires_at=expires_at)
    return job


def test_attempts_at_once_do_not_count_on_the_same_room():
    room.set_aside(running(), 600, NOW)
    second = running()
    with pytest.raises(NoRoom, match=r"about 0\.0 MB and the server has room for 0\.0 MB"):
        room.set_aside(second, 600, NOW)
    room.set_aside(second, 400, NOW)


def test_what_an_ended_attempt_set_aside_is_free_again():
    first = running()
    room.set_aside(first, 600, NOW)
    states.fail(first, NOW, "x", "y")
    room.set_aside(running(), 600, NOW)


def test_the_next_attempt_of_a_job_begins_with_nothing_set_aside():
    first = running()
    room.set_aside(first, 600, NOW)
    states.give_back(first, NOW)
    again = states.claim(first.pk, "worker", NOW)
    assert again.reserved == 0


def test_finished_files_count():
    ready(700, expires_at=NOW + HOUR)
    with pytest.raises(NoRoom):
        room.set_aside(running(), 400, NOW)


def test_files_whose_time_has_come_go_when_the_room_is_needed():
    due, kept = ready(700, expires_at=NOW), ready(200, expires_at=NOW + HOUR)
    room.set_aside(running(), 600, NOW)
    assert not storage.path_of(due.file).exists()
    assert storage.path_of(kept.file).exists()
    assert ExportJob.objects.get(pk=due.pk).state == "expired"


def test_files_whose_time_has_come_stay_for_the_clean_up_while_there_is_room():
    due = ready(100, expires_at=NOW)
    room.set_aside(running(), 600, NOW)
    assert storage.path_of(due.file).exists()


def half_made(job, size):
    partial = storage.partial_path(storage.stem(job.pk.hex, job.attempt), "mp4")
    partial.write_bytes(os.urandom(size))
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    return partial


def test_half_made_files_count_once(quota):
    first = running()
    quota(100_000)
    room.set_aside(first, 60_000, NOW)
    taken = 0
    half_made(first, 30_000)
    taken = storage.partial_sizes()[storage.stem(first.pk.hex, 1)]
    assert 30_000 <= taken < 60_000
    assert room.available() == 40_000


def test_half_made_files_of_lost_attempts_count_until_they_are_removed(quota):
    lost = running()
    quota(100_000)
    partial = half_made(lost, 60_000)
    old = (NOW - HOUR).timestamp()
    states.requeue_lost(NOW + HOUR, timedelta(minutes=1), 3)
    assert room.available() < 50_000
    os.utime(partial, (old, old))
    room.set_aside(running(), 90_000, NOW)
    assert not partial.exists()


def test_what_never_fits_is_said_so():
    with pytest.raises(TooLarge, match="choose a shorter interval"):
        room.set_aside(running(), 1001, NOW)


def test_the_reserve_stays_free(settings, quota):
    quota(0)
    free = shutil.disk_usage(storage.root()).free
    settings.VMS = {**settings.VMS, "VMS_EXPORT_RESERVE_BYTES": free // 2}
    with pytest.raises(NoRoom):
        room.set_aside(running(), free * 3 // 4, NOW)
    room.set_aside(running(), free // 4, NOW)


def test_an_attempt_that_lost_its_job_gets_nothing():
    lost = running()
    states.requeue_lost(NOW + HOUR, timedelta(minutes=1), 3)
    with pytest.raises(LeaseLost):
        room.set_aside(lost, 100, NOW)


@pytest.mark.django_db(transaction=True)
def test_of_many_attempts_at_once_as_many_get_room_as_there_is():
    jobs = [running() for _ in range(6)]
    start, got = threading.Barrier(6), []

    def take(job):
        start.wait()
        try:
            room.set_aside(job, 300, NOW)
            got.append(job.pk)
        except NoRoom:
            pass
        finally:
            connection.close()

    attempts = [threading.Thread(target=take, args=(job,)) for job in jobs]
    for attempt in attempts:
        attempt.start()
    for attempt in attempts:
        attempt.join()
    assert len(got) == 3
