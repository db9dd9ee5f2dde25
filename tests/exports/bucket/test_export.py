"""Whole exports into a bucket: real footage, and a store that misbehaves."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from exports import housekeeping, states, storage
from exports.models import ExportJob
from exports.orders import is_there
from exports.runner import run_export
from tests import factories
from tests.exports.attempts import run_to_end
from tests.footage import BEGIN, Footage, decode_numbers
from tests.s3 import BUCKET, Fault, keys, uploads

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg, pytest.mark.processes]

FOOTAGE = Footage(seconds=8)


@pytest.fixture
def job(settings, bucket):
    stream = factories.stream(factories.camera())
    folder = factories.folder(stream)
    FOOTAGE.make(settings.ARCHIVE_DIR / str(stream.pk))
    scan_folder(folder, full=False, now=timezone.now())
    return factories.job(stream=stream, begin=BEGIN + timedelta(seconds=1.5), seconds=4)


def run(job, told=lambda _job, _percent: None):
    return run_to_end(job, told)


def is_upload(method, path):
    return method == "PUT" and "partNumber" in path


def given_up_after_one(kind):
    """Return the settings of a store that is asked once; only one that hangs is given up soon."""
    soon = {"VMS_S3_TIMEOUT_SECONDS": 3} if kind == "hang" else {}
    return {"VMS_S3_ATTEMPTS": 1, **soon}


def nothing_is_left(bucket):
    files = [path for path in storage.root().rglob("*") if path.is_file()]
    return (files, keys(bucket), uploads(bucket)) == ([], [], [])


def test_makes_the_file_of_a_job(job, bucket, tmp_path):
    done = run(job)

    assert (done.state, done.attempt) == ("ready", 1)
    assert keys(bucket) == [f"files/{done.file}"]
    content = bucket.get_object(Bucket=BUCKET, Key=f"files/{done.file}")["Body"].read()
    assert (done.size, done.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(content)
    assert [number for _, number in decode_numbers(copy)] == FOOTAGE.numbers_in(job.begin, job.end)
    assert [path for path in storage.root().rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("kind", ["500", "drop request", "hang"])
def test_makes_it_again_when_the_store_fails_for_a_while(job, bucket, s3_proxy, settings, kind):
    settings.VMS = {**settings.VMS, **given_up_after_one(kind)}
    s3_proxy.faults.append(Fault(is_upload, kind))

    done = run(job)
    assert (done.state, done.attempt) == ("ready", 2)
    assert keys(bucket) == [f"files/{done.file}"]
    assert uploads(bucket) == []


def test_beats_while_the_store_is_slow(job, bucket, s3_proxy):
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "slow", times=4))
    told = []

    done = run(job, lambda _job, percent: told.append(percent))
    assert (done.state, done.attempt) == ("ready", 1)
    assert len([percent for percent in told if percent >= 95]) >= 4


@pytest.mark.parametrize("kind", ["500", "drop request", "hang"])
def test_fails_with_a_reason_when_the_store_keeps_failing(job, bucket, s3_proxy, settings, kind):
    settings.VMS = {**settings.VMS, **given_up_after_one(kind)}
    s3_proxy.faults.append(Fault(is_upload, kind, times=99))

    done = run(job)
    assert (done.state, done.error_code, done.attempt) == ("failed", "storage_failed", 3)
    assert (done.file, done.sha256) == ("", "")
    assert nothing_is_left(bucket)


def test_fails_with_a_reason_when_the_store_is_away_for_good(job, bucket, s3_proxy):
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=999))
    done = run(job)

    assert (done.state, done.error_code) == ("failed", "storage_failed")
    assert nothing_is_left(bucket)


def test_leaves_nothing_when_cancelled_while_it_uploads(job, bucket, s3_proxy):
    s3_proxy.faults.append(Fault(is_upload, "hang"))

    def cancel(running, _percent):
        if any(is_upload(*asked) for asked in s3_proxy.asked):
            states.cancel(running.pk, timezone.now())

    assert run(job, cancel).state == "cancelled"
    assert nothing_is_left(bucket)


def test_leaves_nothing_when_the_lease_is_gone_at_the_end(job, bucket, s3_proxy):
    def take_over(_job, _percent):
        if any(is_upload(*asked) for asked in s3_proxy.asked):
            ExportJob.objects.filter(pk=job.pk).update(owner="another worker", attempt=7)

    # Long enough for a beat.
    s3_proxy.faults.append(Fault(lambda method, _path: method == "HEAD", "hang"))
    assert run_export(job.pk, take_over) is None
    assert nothing_is_left(bucket)


# --- afterwards ---


@pytest.fixture
def ready(bucket):
    done = factories.finish(factories.job(), now=timezone.now() - timedelta(hours=4))
    storage.path_of(done.file).rename(storage.root() / "kept")
    content = (storage.root() / "kept").read_bytes()
    (storage.root() / "kept").unlink()
    bucket.put_object(Bucket=BUCKET, Key=f"files/{done.file}", Body=content)
    return done


def test_removes_a_file_whose_time_has_come(ready, bucket):
    assert housekeeping.expire_files(timezone.now()) == [ready.pk]
    assert keys(bucket) == []


def test_removes_it_later_when_the_store_was_away(ready, bucket, s3_proxy):
    now = timezone.now()
    fault = Fault(lambda _method, _path: True, "500", times=99)
    s3_proxy.faults.append(fault)
    assert housekeeping.expire_files(now) == [ready.pk]
    assert housekeeping.remove_strays(now + timedelta(hours=1)) == 0
    assert keys(bucket) == [f"files/{ready.file}"]

    s3_proxy.faults.clear()
    housekeeping.current_store().requests.away_until = 0
    assert housekeeping.remove_strays(now + timedelta(hours=1)) == 1
    assert keys(bucket) == []


def test_removes_what_crashes_left_and_spares_what_is_being_made(ready, bucket):
    later = timezone.now() + timedelta(hours=1)
    running = states.claim(factories.job().pk, "worker", timezone.now())
    mine = f"files/{running.pk.hex[:2]}/{running.pk.hex}-{running.attempt}.mp4"
    lost = f"files/{running.pk.hex[:2]}/{running.pk.hex}-0.mp4"
    again = f"files/{ready.file}"  # begun twice, since an answer was lost
    for key in (mine, lost, again):
        bucket.create_multipart_upload(Bucket=BUCKET, Key=key)
    bucket.put_object(Bucket=BUCKET, Key=f"files/ab/{'ab' * 16}-1.mp4", Body=b"nobody's")

    assert housekeeping.remove_strays(later) == 3
    assert keys(bucket) == [again]
    assert uploads(bucket) == [mine]


def test_knows_whether_a_file_can_be_shared(ready, bucket, s3_proxy):
    assert is_there(ready)
    bucket.delete_object(Bucket=BUCKET, Key=f"files/{ready.file}")
    assert not is_there(ready)
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=99))
    assert is_there(ready)
