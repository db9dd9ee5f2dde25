from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from exports import housekeeping, states, storage
from exports.models import ExportJob
from tests import factories

pytestmark = pytest.mark.django_db


def test_removes_files_whose_time_has_come():
    now = timezone.now()
    due = factories.finish(factories.job(), now=now - timedelta(hours=4))
    kept = factories.finish(factories.job(), now=now)

    assert housekeeping.expire_files(now) == [due.pk]
    assert ExportJob.objects.get(pk=due.pk).state == "expired"
    assert not storage.path_of(due.file).exists()
    assert storage.path_of(kept.file).exists()


def test_expires_the_row_of_a_file_that_is_gone_already():
    now = timezone.now()
    due = factories.finish(factories.job(), now=now - timedelta(hours=4))
    storage.path_of(due.file).unlink()

    assert housekeeping.expire_files(now) == [due.pk]


def test_goes_on_when_one_file_cannot_be_removed():
    now = timezone.now()
    stuck, due = (factories.finish(factories.job(), now=now - timedelta(hours=4)) for _ in range(2))
    path = storage.path_of(stuck.file)
    path.unlink()
    path.mkdir()  # unlink fails on a directory, for root too

    housekeeping.expire_files(now)

    assert not storage.path_of(due.file).exists()
    assert ExportJob.objects.get(pk=stuck.pk).state == "expired"


def test_removes_what_a_crash_left_after_a_row_expired():
    now = timezone.now()
    job = factories.finish(factories.job(), now=now - timedelta(hours=4))
    states.expire(job.pk, now)  # and here the process dies, before the file is removed
    old = (now - timedelta(hours=1)).timestamp()
    os.utime(storage.path_of(job.file), (old, old))

    assert housekeeping.expire_files(now) == []
    assert housekeeping.remove_strays(now) == 1
    assert not storage.path_of(job.file).exists()


def test_spares_what_running_attempts_are_making():
    now = timezone.now()
    job = states.claim(factories.job().pk, "worker", now)
    stem = f"{job.pk.hex}-{job.attempt}"
    partial = storage.partial_path(stem, "mp4")
    partial.write_bytes(b"half")
    earlier = storage.partial_path(f"{job.pk.hex}-0", "mp4")
    earlier.write_bytes(b"left by a lost attempt")
    old = (now - timedelta(hours=1)).timestamp()
    for path in (partial, earlier):
        os.utime(path, (old, old))

    assert housekeeping.remove_strays(now) == 1
    assert partial.exists()
    assert not earlier.exists()
