"""What orders may ask for besides the interval, each through a whole job."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from exports import storage
from exports.runner import run_export
from tests import factories
from tests.footage import BEGIN, Footage, decode_numbers
from vms.media.probe import read_media
from vms.media.segment import read_segment

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg]

FOOTAGE = Footage()


@pytest.fixture
def archive(settings):
    """Put footage into a stream's archive: `archive(FIRST, SECOND, ...)` returns the stream."""

    def fill(*parts):
        stream = factories.stream(factories.camera())
        folder = factories.folder(stream)
        for part in parts:
            part.make(settings.ARCHIVE_DIR / str(stream.pk))
        assert not scan_folder(folder, full=False, now=timezone.now()).skipped
        stream.refresh_from_db()
        return stream

    return fill


def run(stream, begin, end, **options):
    job = factories.job(
        stream=stream, begin=BEGIN + timedelta(seconds=begin), seconds=end - begin, **options
    )
    return run_export(job.pk, lambda _job, _percent: None)


def numbers_of(job):
    return [number for _, number in decode_numbers(storage.path_of(job.file))]


def test_cuts_smartly(archive):
    done = run(archive(FOOTAGE), 3.5, 9, cut="smart")

    assert (done.state, done.mode, done.engine, done.warnings) == ("ready", "smart", "splice", [])
    assert done.cut == "smart"
    assert numbers_of(done) == FOOTAGE.numbers_in(done.begin, done.end)
    assert not read_segment(storage.path_of(done.file)).video.hidden.any()


def test_cuts_exactly_and_says_so_where_it_cannot_cut_smartly(archive):
    footage = Footage(container="mpegts")
    done = run(archive(footage), 3.5, 9, cut="smart")

    assert (done.state, done.mode, done.cut) == ("ready", "copy", "exact")
    assert "cut exactly instead of smartly" in done.warnings[0]
    assert numbers_of(done) == footage.numbers_in(done.begin, done.end)


@pytest.mark.parametrize("container", ["mkv", "avi"])
def test_makes_other_containers(archive, container):
    done = run(archive(FOOTAGE), 3.5, 9, container=container)

    assert done.state == "ready", done.error_message
    assert done.file.endswith(f".{container}")
    assert done.mode == "transcode"
    assert "re-encoded" in done.warnings[0]
    assert len(read_media(storage.path_of(done.file)).video) == 55


def test_copies_into_another_container_what_it_can_hold(archive):
    done = run(archive(FOOTAGE), 4, 9, container="mov")

    assert (done.state, done.mode, done.warnings) == ("ready", "copy", [])
    assert done.engine.startswith("ffmpeg")


@pytest.fixture
def mixed(archive):
    later = Footage(seconds=8, begin=BEGIN + timedelta(seconds=8), codec="hevc")
    return archive(Footage(seconds=8), later)


def test_refuses_a_change_of_codec(mixed):
    done = run(mixed, 5, 11)

    assert (done.state, done.error_code) == ("failed", "codec_change")
    assert "2026-03-14 09:26:08 UTC" in done.error_message


def test_joins_two_codecs_when_asked(mixed):
    done = run(mixed, 5, 11, transcode=True)

    assert (done.state, done.mode) == ("ready", "transcode")
    assert numbers_of(done) == FOOTAGE.numbers_in(done.begin, done.end)
    assert "changed its video codec" in done.warnings[0]


def test_an_operator_may_insist_on_an_engine(archive, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_ENGINE": "splice"}
    done = run(archive(FOOTAGE), 3.5, 9, container="mov")

    assert (done.state, done.error_code) == ("failed", "engine_failed")
    assert "only mp4" in done.error_message


def test_names_chapters_by_when_they_were_recorded(archive):
    stream = archive(FOOTAGE)
    gone = stream.segments.order_by("begin")[1]
    (storage.root().parent / "archive" / str(stream.pk) / gone.path).unlink()
    done = run(stream, 2, 10)

    head = storage.path_of(done.file).read_bytes().partition(b"mdat")[0]
    titles = head.partition(b"chpl")[2]
    assert b"2026-03-14 09:26:02 UTC" in titles
    assert b"2026-03-14 09:26:08 UTC" in titles
