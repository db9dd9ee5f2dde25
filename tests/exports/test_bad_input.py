"""Footage that cannot be exported, and orders that must not be: each ends with its reason."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from downloads.tasks import make_next
from exports import storage
from exports.runner import run_export
from tests import factories
from tests.footage import BEGIN, Footage, decode_numbers
from vms.media.ffmpeg import find_ffmpeg
from vms.push.models import Event

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg]

FOOTAGE = Footage()


@pytest.fixture
def stream(settings):
    """A stream with twenty seconds of footage in five segments, all of them well."""
    stream = factories.stream(factories.camera())
    folder = factories.folder(stream)
    FOOTAGE.make(settings.ARCHIVE_DIR / str(stream.pk))
    scan_folder(folder, full=False, now=timezone.now())
    stream.refresh_from_db()
    return stream


@pytest.fixture
def paths(stream, settings):
    """The files of the stream's segments, by time."""
    rows = stream.segments.order_by("begin")
    return [settings.ARCHIVE_DIR / str(stream.pk) / row.path for row in rows]


def order(stream, begin, end):
    return factories.job(stream=stream, begin=BEGIN + timedelta(seconds=begin), seconds=end - begin)


def run(job):
    done = run_export(job.pk, lambda _job, _percent: None)
    left = [path for path in storage.root().rglob("*") if path.is_file()]
    assert left == ([storage.path_of(done.file)] if done.file else [])
    return done


def wanted(begin, end):
    return FOOTAGE.numbers_in(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))


def encrypt(path):
    """Mark the pictures as encrypted (ISO/IEC 14496-12 section 8.12)."""
    content = path.read_bytes()
    assert b"avc1" in content
    path.write_bytes(content.replace(b"avc1", b"encv"))


def leave_sound_only(path):
    copy = path.with_suffix(".copy")
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-vn", "-c", "copy"]
    subprocess.run([*command, "-f", "mp4", str(copy)], check=True, timeout=60)
    copy.rename(path)


def make_unknown(path):
    """Leave a brand nobody knows, in front of nothing anybody can read."""
    path.write_bytes(b"\0\0\0\x10ftypzzzz\0\0\0\0" + bytes(range(256)) * 16)


BAD = {
    "encrypted": (encrypt, "the recording is encrypted"),
    "no_video": (leave_sound_only, "the file has no video track"),
    "unusable": (make_unknown, "the file is damaged or not a video"),
}


@pytest.mark.parametrize("code", BAD)
def test_goes_without_a_bad_segment_and_says_so(code, stream, paths):
    spoil, reason = BAD[code]
    spoil(paths[1])
    done = run(order(stream, 2, 10))

    assert done.state == "ready"
    assert done.warnings == [f"segment of 2026-03-14 09:26:04 UTC: {reason}, left out"]
    shown = [number for _, number in decode_numbers(storage.path_of(done.file))]
    assert shown == wanted(2, 4) + wanted(8, 10)


@pytest.mark.parametrize("code", BAD)
def test_says_why_when_no_segment_is_left(code, stream, paths):
    spoil, reason = BAD[code]
    for path in paths:
        spoil(path)
    done = run(order(stream, 5, 11))

    assert (done.state, done.error_code, done.attempt) == ("failed", code, 1)
    first = stream.segments.order_by("begin")[1]
    assert done.error_message.startswith(
        f"Nothing in the interval can be exported: {reason} "
        f"(segment {first.pk} of 2026-03-14 09:26:04 UTC and 1 more). "
    )


def test_says_what_most_segments_suffer_from(stream, paths):
    paths[0].unlink()
    for path in paths[1:]:
        encrypt(path)

    assert run(order(stream, 0, 20)).error_code == "encrypted"


def test_says_so_when_there_is_footage_only_outside_the_interval(stream, paths):
    """Segments beside the interval are looked at, too; that they are well is no comfort."""
    encrypt(paths[1])

    assert run(order(stream, 4.1, 7.9)).error_code == "encrypted"


def test_tells_the_owner_why(stream, paths, alice):
    for path in paths:
        encrypt(path)
    factories.download(alice, job=order(stream, 0, 20))
    make_next()

    record = Event.objects.get().body["data"]["download"]
    assert (record["status"], record["url"]) == ("failed", None)
    assert record["error"]["code"] == "encrypted"
    assert "the recording is encrypted" in record["error"]["message"]
    assert str(paths[0].parent) not in record["error"]["message"]


def test_uses_what_can_be_read_whatever_its_brand(stream, paths):
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(content[:8] + b"zzzz" + content[12:])
    done = run(order(stream, 2, 6))

    assert (done.state, done.warnings) == ("ready", [])


def test_refuses_a_file_larger_than_the_operator_allows(stream, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_BYTES": 100_000}
    done = run(order(stream, 0, 20))

    assert (done.state, done.error_code, done.attempt) == ("failed", "too_large", 1)
    assert "more than the 0.1 MB this server allows" in done.error_message
    assert "choose a shorter interval" in done.error_message


def test_makes_a_file_as_large_as_the_operator_allows(stream, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_BYTES": 10_000_000}

    assert run(order(stream, 0, 20)).state == "ready"


def test_holds_no_job_without_length(stream):
    """The interface refuses such an order in words; nothing behind it may make one either."""
    with pytest.raises(IntegrityError, match="job_has_length"):
        order(stream, 5, 5)
