from __future__ import annotations

import errno
import hashlib
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from exports import states, stopping, storage
from exports.models import ExportJob
from exports.runner import run_export
from tests import factories
from tests.exports.attempts import run_to_end
from tests.footage import BEGIN, Footage, decode_numbers

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg]

FOOTAGE = Footage()


@pytest.fixture
def stream(settings):
    """A stream with twenty seconds of real footage in its archive."""
    stream = factories.stream(factories.camera())
    folder = factories.folder(stream)
    FOOTAGE.make(settings.ARCHIVE_DIR / str(stream.pk))
    report = scan_folder(folder, full=False, now=timezone.now())
    assert (report.indexed, report.skipped) == (5, [])
    stream.refresh_from_db()
    return stream


@pytest.fixture
def job(stream):
    return job_of(stream, 3.5, 9)


def job_of(stream, begin, end, **options):
    return factories.job(
        stream=stream, begin=BEGIN + timedelta(seconds=begin), seconds=end - begin, **options
    )


def run(job, told=lambda _job, _percent: None):
    return run_export(job.pk, told)


def files():
    return [path for path in storage.root().rglob("*") if path.is_file()]


def test_makes_the_file_of_a_job(job):
    now = timezone.now()
    done = run(job)

    assert (done.state, done.progress, done.attempt) == ("ready", 100, 1)
    path = storage.path_of(done.file)
    assert [number for _, number in decode_numbers(path)] == FOOTAGE.numbers_in(job.begin, job.end)
    assert done.size == path.stat().st_size
    assert done.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert done.duration == timedelta(seconds=5.5)
    assert done.engine == "splice"
    assert timedelta(0) <= done.expires_at - now - timedelta(hours=3) < timedelta(minutes=1)
    assert done.coverage == {
        "asked": {"from": "2026-03-14T09:26:03.500000Z", "to": "2026-03-14T09:26:09.000000Z"},
        "delivered": {"from": "2026-03-14T09:26:03.500000Z", "to": "2026-03-14T09:26:09.000000Z"},
        "gaps": [],
    }
    assert files() == [path]


def test_tells_how_far_it_is(job):
    told = []
    run(job, lambda _job, percent: told.append(percent))

    assert told
    assert told == sorted(told)


def test_leaves_a_job_alone_that_somebody_else_has(job):
    states.claim(job.pk, "another worker", timezone.now())

    assert run(job) is None
    assert files() == []


def test_runs_once_when_delivered_twice(job):
    assert run(job).attempt == 1
    assert run(job) is None
    assert len(files()) == 1


def test_reports_a_segment_that_is_gone(stream):
    job = job_of(stream, 2, 14)
    gone = stream.segments.order_by("begin")[1]
    (storage.root().parent / "archive" / str(stream.pk) / gone.path).unlink()

    done = run(job)

    assert done.state == "ready"
    assert done.coverage["gaps"] == [
        {"from": "2026-03-14T09:26:04.000000Z", "to": "2026-03-14T09:26:08.000000Z"}
    ]
    assert done.warnings == ["segment of 2026-03-14 09:26:04 UTC: the file is missing, left out"]


def test_fails_with_a_reason_when_all_footage_is_gone(job, stream):
    stream.segments.all().delete()

    done = run(job)

    assert (done.state, done.error_code) == ("failed", "no_footage")
    assert done.attempt == 1
    assert "no footage" in done.error_message
    assert files() == []


def test_fails_with_a_reason_when_the_camera_is_gone(job, stream):
    stream.camera.delete()

    assert run(job).error_code == "no_footage"


def test_fails_when_gaps_are_not_wanted(stream):
    job = job_of(stream, 15, 25, gaps="fail")

    assert run(job).error_code == "gaps"


def test_fails_with_a_reason_when_there_is_no_room(job, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_RESERVE_BYTES": 2**60}

    done = run(job)

    assert (done.state, done.error_code) == ("failed", "no_room")
    assert files() == []


def test_makes_the_same_file_with_ffmpeg_when_told_to(job, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_ENGINE": "ffmpeg"}

    done = run(job)

    assert done.engine.startswith("ffmpeg")
    path = storage.path_of(done.file)
    assert [number for _, number in decode_numbers(path)] == FOOTAGE.numbers_in(job.begin, job.end)
    assert done.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_tries_again_and_then_fails_when_ffmpeg_does(job, settings, tmp_path):
    broken = tmp_path / "ffmpeg"
    broken.write_text('#!/bin/sh\n[ "$2" = -version ] && echo ffmpeg version 0 && exit 0\nexit 3\n')
    broken.chmod(0o755)
    settings.VMS = {**settings.VMS, "VMS_EXPORT_ENGINE": "ffmpeg", "VMS_FFMPEG": broken}

    done = run_to_end(job)

    assert (done.state, done.error_code, done.attempt) == ("failed", "engine_failed", 3)
    assert str(tmp_path) not in done.error_message
    assert files() == []


def test_fails_when_storage_cannot_be_written(job, settings, tmp_path):
    (tmp_path / "in the way").write_text("")
    settings.STORAGE_DIR = tmp_path / "in the way"

    done = run_to_end(job)

    assert (done.state, done.error_code, done.attempt) == ("failed", "storage_failed", 3)


def test_rests_between_attempts_on_a_disk_that_refuses_at_once(job, settings, tmp_path):
    (tmp_path / "in the way").write_text("")
    settings.STORAGE_DIR = tmp_path / "in the way"
    rests = []
    for _ in range(2):
        assert run(job) is None
        job.refresh_from_db()
        rests.append(job.rests_until - job.queued_at)
        assert run(job) is None  # nobody may take it yet
        assert ExportJob.objects.get(pk=job.pk).attempt == job.attempt
        ExportJob.objects.filter(pk=job.pk).update(rests_until=timezone.now())

    assert rests == [timedelta(seconds=1), timedelta(seconds=2)]
    assert run(job).state == "failed"


@pytest.fixture
def asked_to_stop(settings):
    """Have this process told that its worker stops, with so many seconds left."""

    def ask(seconds):
        settings.VMS = {**settings.VMS, "VMS_EXPORT_STOP_SECONDS": seconds}
        stopping.ask()

    yield ask
    stopping.forget()


def test_hands_the_job_back_when_the_worker_stops(job, asked_to_stop):
    assert run(job, lambda _job, _percent: asked_to_stop(0)) is None

    job.refresh_from_db()
    assert (job.state, job.owner, job.attempt, job.tries) == ("queued", "", 1, 0)
    assert files() == []
    stopping.forget()
    assert (run(job).state, files()[0].stem[-2:]) == ("ready", "-2")


def test_finishes_the_job_when_the_grace_allows_it(job, asked_to_stop):
    assert run(job, lambda _job, _percent: asked_to_stop(3600)).state == "ready"


def test_a_stopping_worker_leaves_the_next_attempt_to_others(job, asked_to_stop):
    def stop_and_break_down(_job, _percent):
        asked_to_stop(3600)
        raise RuntimeError("something nobody thought of")

    assert run(job, stop_and_break_down) is None
    job.refresh_from_db()
    assert (job.state, job.attempt, job.tries) == ("queued", 1, 1)


def test_cancels_rather_than_hands_back(job, asked_to_stop):
    def stop_and_cancel(job, _percent):
        asked_to_stop(0)
        ExportJob.objects.filter(pk=job.pk).update(cancel_requested=True)

    assert run(job, stop_and_cancel).state == "cancelled"


def test_stops_when_cancelled_while_it_works(job):
    done = run(job, lambda job, _percent: states.cancel(job.pk, timezone.now()))

    assert done.state == "cancelled"
    assert files() == []


def test_drops_its_file_when_the_lease_is_gone(job):
    def steal(job, _percent):
        ExportJob.objects.filter(pk=job.pk).update(owner="another worker", attempt=7)

    assert run(job, steal) is None
    assert ExportJob.objects.get(pk=job.pk).state == "running"
    assert files() == []


def test_leaves_out_a_segment_behind_a_link_that_leads_away(stream, settings, tmp_path):
    job = job_of(stream, 2, 14)
    moved = stream.segments.order_by("begin")[1]
    path = settings.ARCHIVE_DIR / str(stream.pk) / moved.path
    path.rename(tmp_path / "elsewhere.mp4")
    path.symlink_to(tmp_path / "elsewhere.mp4")

    done = run(job)

    assert done.state == "ready"
    assert len(done.coverage["gaps"]) == 1
    assert "left out" in done.warnings[0]
    assert str(tmp_path) not in done.warnings[0]


def test_never_leaves_a_job_running_whatever_happens(job):
    def break_down(_job, _percent):
        raise RuntimeError("something nobody thought of")

    done = run_to_end(job, break_down)

    assert (done.state, done.error_code, done.attempt) == ("failed", "engine_failed", 3)
    assert "nobody thought of" not in done.error_message
    assert files() == []


def test_keeps_the_file_when_the_database_goes_away_over_the_last_word(job, monkeypatch):
    """The row says ready, but the answer to that is lost: the promise has to hold."""
    finish = states.finish

    def answer_lost(*args, **result):
        finish(*args, **result)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(states, "finish", answer_lost)
    assert run(job) is None  # reconciling tells the owner

    job.refresh_from_db()
    assert job.state == "ready"
    assert storage.path_of(job.file).exists()


def test_cancels_rather_than_tries_again(job, settings, tmp_path):
    broken = tmp_path / "ffmpeg"
    broken.write_text('#!/bin/sh\n[ "$2" = -version ] && echo ffmpeg version 0 && exit 0\nexit 3\n')
    broken.chmod(0o755)
    settings.VMS = {**settings.VMS, "VMS_EXPORT_ENGINE": "ffmpeg", "VMS_FFMPEG": broken}

    done = run(job, lambda job, _percent: states.cancel(job.pk, timezone.now()))

    assert done.state == "cancelled"


def test_takes_a_full_disk_for_what_it_is():
    assert storage.failed(OSError(errno.ENOSPC, "")).code == "no_room"
