"""What becomes of the files ffmpeg leaves, whenever its recorder is killed."""

from __future__ import annotations

import os
import resource
import shutil
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cameras.archive.filing import AlreadyRecorded, Filing, NextSegment, own_folder
from cameras.archive.fragments import drop_partial_fragment
from cameras.models import Camera, Segment, Stream
from tests.footage import Footage, decode_numbers

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg]

RUN = "20260314T092559000000Z"
BEGIN = datetime(2026, 3, 14, 9, 26, 10, 123456, tzinfo=UTC)
LENGTH = timedelta(seconds=4)


@pytest.fixture
def filing():
    camera = Camera.objects.create(name="yard")
    stream = Stream.objects.create(camera=camera, uuid=uuid.uuid4())
    filing = Filing(own_folder(stream.pk, stream.uuid))
    yield filing
    filing.close()


@pytest.fixture
def film(tmp_path) -> Path:
    """A segment of 4 s with a fragment each second."""
    return Footage(seconds=4, gop=10).make(tmp_path / "film")[0]


def leave(filing: Filing, film: Path, number: int, written_at: datetime | None = None) -> Path:
    path = filing.work / f"{RUN}-{number:06d}.mp4"
    shutil.copy(film, path)
    if written_at:
        os.utime(path, (written_at.timestamp(), written_at.timestamp()))
    return path


def rows() -> list[tuple[datetime, datetime]]:
    return list(Segment.objects.order_by("begin").values_list("begin", "end"))


def test_files_a_closed_segment_by_its_begin(filing, film):
    left = leave(filing, film, 0)

    filing.file_segment(left.name, BEGIN)

    segment = Segment.objects.get()
    assert segment.path == "2026-03-14/09/20260314T092610.123456Z.mp4"
    assert (segment.begin, segment.end) == (BEGIN, BEGIN + LENGTH)
    assert (filing.root / segment.path).is_file()
    assert not left.exists()
    assert segment.folder.is_own


def test_segments_that_differ_by_rounding_touch(filing, film):
    filing.file_segment(leave(filing, film, 0).name, BEGIN)
    filing.file_segment(leave(filing, film, 1).name, BEGIN + LENGTH + timedelta(microseconds=1))

    (_, end), (begin, _) = rows()
    assert begin == end


def test_never_writes_over_a_segment(filing, film):
    filing.file_segment(leave(filing, film, 0).name, BEGIN)
    filing.file_segment(leave(filing, film, 1).name, BEGIN)

    assert len(rows()) == 2
    assert len(list(filing.root.glob("*/*/*.mp4"))) == 2


def test_one_stream_has_one_recorder(filing):
    with pytest.raises(AlreadyRecorded):
        Filing(filing.folder)


def test_salvages_leftovers_where_the_run_said_the_next_begins(filing, film):
    filing.expect(RUN, NextSegment(3, BEGIN))
    leave(filing, film, 3)
    leave(filing, film, 4)

    filing.salvage()

    assert rows() == [(BEGIN, BEGIN + LENGTH), (BEGIN + LENGTH, BEGIN + 2 * LENGTH)]
    assert [path.name for path in filing.work.iterdir()] == ["lock"]


def test_salvages_by_the_time_of_writing_when_nothing_is_known(filing, film):
    leave(filing, film, 0, written_at=BEGIN + LENGTH)

    filing.salvage()

    [(begin, end)] = rows()
    assert abs(begin - BEGIN) < timedelta(milliseconds=1)
    assert end - begin == LENGTH


def test_salvages_what_was_renamed_but_not_indexed(filing, film):
    filing.expect(RUN, NextSegment(0, BEGIN))
    target = filing.root / "2026-03-14/09/20260314T092610.123456Z.mp4"
    target.parent.mkdir(parents=True)
    shutil.copy(film, target)

    filing.salvage()

    assert rows() == [(BEGIN, BEGIN + LENGTH)]


def test_salvages_the_whole_fragments_of_a_torn_file(filing, film):
    filing.expect(RUN, NextSegment(0, BEGIN))
    left = leave(filing, film, 0)
    os.truncate(left, film.stat().st_size * 6 // 10)

    filing.salvage()

    segment = Segment.objects.get()
    assert timedelta(seconds=1) <= segment.end - segment.begin < LENGTH
    assert (segment.end - segment.begin) % timedelta(seconds=1) == timedelta()
    numbers = [number for _, number in decode_numbers(filing.root / segment.path)]
    assert numbers == [number for _, number in decode_numbers(film)][: len(numbers)]
    assert len(numbers) == (segment.end - segment.begin) / timedelta(seconds=0.1)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"no film at all, but long enough to look"])
def test_removes_what_cannot_be_read(filing, content):
    (filing.work / f"{RUN}-000000.mp4").write_bytes(content)

    filing.salvage()

    assert rows() == []
    assert [path.name for path in filing.work.iterdir()] == ["lock"]


def test_removes_a_leftover_without_a_whole_fragment(filing, film):
    left = leave(filing, film, 0)
    os.truncate(left, film.read_bytes().index(b"moof") + 500)

    filing.salvage()

    assert rows() == []
    assert [path.name for path in filing.work.iterdir()] == ["lock"]


def damage_index(data: bytes) -> bytes:
    """Keep every box and fill the one that tells how to read them."""
    begin = data.index(b"moov") + 4
    return data[:begin] + bytes(100) + data[begin + 100 :]


def damage_head(data: bytes) -> bytes:
    return bytes(64) + data[64:]


@pytest.mark.parametrize("damage", [damage_index, damage_head])
def test_sets_aside_footage_that_cannot_be_read(filing, film, damage):
    left = leave(filing, film, 0)
    left.write_bytes(damage(film.read_bytes()))
    kept = left.with_name(left.name + ".bad")

    filing.salvage()
    filing.salvage()

    assert rows() == []
    assert sorted(path.name for path in filing.work.iterdir()) == [kept.name, "lock"]
    assert kept.read_bytes() == damage(film.read_bytes())


def test_keeps_a_leftover_when_no_file_can_be_opened(filing, film):
    left = leave(filing, film, 0, written_at=BEGIN + LENGTH)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            filing.salvage_file(left, None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert left.read_bytes() == film.read_bytes()

    filing.salvage()

    assert len(rows()) == 1


def test_leaves_a_whole_file_as_it_is(film):
    before = film.read_bytes()

    assert drop_partial_fragment(film) == 0
    assert film.read_bytes() == before


def test_cutting_a_file_keeps_the_time_it_was_written(filing, film):
    left = leave(filing, film, 0, written_at=BEGIN)
    os.truncate(left, film.stat().st_size * 6 // 10)
    os.utime(left, (BEGIN.timestamp(), BEGIN.timestamp()))

    assert drop_partial_fragment(left) > 0
    assert left.stat().st_mtime == BEGIN.timestamp()


def test_a_torn_note_is_no_note(filing, film):
    (filing.work / f"{RUN}.json").write_text('{"number": 0, "beg')
    leave(filing, film, 0, written_at=BEGIN + LENGTH)

    filing.salvage()

    assert len(rows()) == 1
