from __future__ import annotations

import errno
import hashlib
import os
import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines import delivery, sources
from exports.engines.delivery import kernel_copy, write_copy
from exports.engines.hashing import BLOCK as HASHED
from exports.engines.hashing import MOST_BLOCKS, Hasher
from exports.engines.pins import FOLDER, Pins
from exports.engines.reflink import BLOCK, padding_before, step_to_edge
from exports.engines.splice import SpliceEngine, splice
from exports.engines.spliced import Range
from exports.errors import Cancelled, SegmentChanged
from exports.plan import make_plan
from tests.exports.noise import (
    GIB,
    HARM,
    HEADER,
    MEMORY,
    MIB,
    content_of,
    describe,
    elsewhere,
    lengthen,
    make_noise,
    noise,
    opened,
    quiet,
    read_all,
    rewrite,
    silent,
    sparse,
    splice_noise,
)
from tests.footage import BEGIN, Footage, begin_of
from vms.media.segment import read_segment


@pytest.fixture
def paths(tmp_path):
    return make_noise(tmp_path / "footage")


@pytest.fixture
def spliced(paths):
    return splice_noise(paths)


def test_copies_header_ranges_and_own_bytes(spliced, paths, tmp_path):
    target = tmp_path / "export.mp4"

    sha256 = write_copy(spliced, paths.__getitem__, target, silent).finish(quiet)

    assert target.read_bytes() == content_of(spliced, paths)
    assert sha256 == hashlib.sha256(content_of(spliced, paths)).hexdigest()


@pytest.mark.parametrize("ways", [[kernel_copy], []])
def test_copies_the_same_bytes_whatever_the_kernel_can_do(spliced, paths, tmp_path, ways):
    target = tmp_path / "export.mp4"

    sha256 = write_copy(spliced, paths.__getitem__, target, silent, ways=ways).finish(quiet)

    assert target.read_bytes() == content_of(spliced, paths)
    assert sha256 == hashlib.sha256(content_of(spliced, paths)).hexdigest()


@elsewhere
def test_copies_to_another_file_system(spliced, paths, tmp_path):
    target = MEMORY / f"export-{os.getpid()}.mp4"
    try:
        write_copy(spliced, paths.__getitem__, target, silent)
        assert target.read_bytes() == content_of(spliced, paths)
    finally:
        target.unlink()


def test_tries_the_next_way_once_and_stays_with_it(spliced, paths, tmp_path):
    tried = []

    def refusing(*_call):
        tried.append("refusing")
        raise OSError(errno.EXDEV, "another file system")

    def empty_handed(*_call):
        tried.append("empty handed")
        return 0

    target = tmp_path / "export.mp4"
    ways = [refusing, empty_handed]
    sha256 = write_copy(spliced, paths.__getitem__, target, silent, ways=ways).finish(quiet)

    assert tried == ["refusing", "empty handed"]
    assert target.read_bytes() == content_of(spliced, paths)
    assert sha256 == hashlib.sha256(content_of(spliced, paths)).hexdigest()


def test_goes_on_by_itself_where_the_kernel_stops(spliced, paths, tmp_path):
    copied = []

    def tired(source, output, at, count):
        if len(copied) == 3:
            raise OSError(errno.EXDEV, "another file system")
        copied.append(kernel_copy(source, output, at, min(count, 10_000)))
        return copied[-1]

    target = tmp_path / "export.mp4"
    sha256 = write_copy(spliced, paths.__getitem__, target, silent, ways=[tired]).finish(quiet)

    assert len(copied) == 3
    assert target.read_bytes() == content_of(spliced, paths)
    assert sha256 == hashlib.sha256(content_of(spliced, paths)).hexdigest()


def test_gives_up_on_what_no_other_way_would_cure(spliced, paths, tmp_path):
    def broken(*_call):
        raise OSError(errno.EIO, "a broken disk")

    with pytest.raises(OSError, match="a broken disk"):
        write_copy(spliced, paths.__getitem__, tmp_path / "export", silent, ways=[broken])


@pytest.mark.parametrize("most", [512, 2])
@pytest.mark.parametrize("harm", HARM)
def test_writes_nothing_when_a_segment_is_not_as_planned(
    spliced, paths, tmp_path, monkeypatch, harm, most
):
    monkeypatch.setattr(sources, "MOST_OPEN", most)
    harm(paths[3])

    with pytest.raises(SegmentChanged, match="09:26:12"):
        write_copy(spliced, paths.__getitem__, tmp_path / "export.mp4", silent)

    assert not (tmp_path / "export.mp4").exists()


def after_first_call(harm, *, leaves_it=False):
    """Copy, and do harm once, when the copying has begun; or leave the rest to others then."""
    done = []

    def copy(source, output, at, count):
        if done and leaves_it:
            return 0
        copied = kernel_copy(source, output, at, min(count, 10_000))
        if not done:
            done.append(harm())
        return copied

    return copy


@pytest.mark.parametrize("leaves_it", [False, True])
@pytest.mark.parametrize("key", [0, 3])
@pytest.mark.parametrize("harm", [lambda path: os.truncate(path, 50_000), rewrite, lengthen])
def test_notices_a_segment_that_changes_while_it_is_copied(
    spliced, paths, tmp_path, key, harm, leaves_it
):
    copy = after_first_call(lambda: harm(paths[key]), leaves_it=leaves_it)

    with pytest.raises(SegmentChanged):
        write_copy(spliced, paths.__getitem__, tmp_path / "export", silent, ways=[copy])


def test_is_not_disturbed_by_retention(spliced, paths, tmp_path):
    content = content_of(spliced, paths)
    copy = after_first_call(lambda: [path.unlink() for path in paths.values()])

    write_copy(spliced, paths.__getitem__, tmp_path / "export", silent, ways=[copy]).finish(quiet)

    assert (tmp_path / "export").read_bytes() == content


def test_notices_retention_when_it_cannot_open_all_segments(spliced, paths, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_OPEN", 2)
    copy = after_first_call(paths[3].unlink)

    with pytest.raises(SegmentChanged):
        write_copy(spliced, paths.__getitem__, tmp_path / "export", silent, ways=[copy])


def test_opens_one_segment_after_the_other_when_there_are_too_many(
    spliced, paths, tmp_path, monkeypatch
):
    monkeypatch.setattr(sources, "MOST_OPEN", 2)
    seen = []

    def copy(*call):
        seen.append(opened(paths))
        return kernel_copy(*call)

    write_copy(spliced, paths.__getitem__, tmp_path / "export", silent, ways=[copy]).finish(quiet)

    assert (tmp_path / "export").read_bytes() == content_of(spliced, paths)
    assert set(seen) == {1}
    assert opened(paths) == 0


@elsewhere
def test_says_at_once_that_there_is_no_room(tmp_path):
    paths = {0: sparse(tmp_path / "0.mp4", 2**42)}
    target = MEMORY / f"export-{os.getpid()}.mp4"
    try:
        with pytest.raises(OSError, match="No space left") as raised:
            write_copy(describe(paths, [Range(0, 0, 2**42)]), paths.__getitem__, target, silent)
        assert raised.value.errno == errno.ENOSPC
        assert target.stat().st_size == 0
    finally:
        target.unlink()


def test_stops_between_steps_when_cancelled(spliced, paths, tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "BEAT_SECONDS", 0)
    parts = []

    def tick(part):
        parts.append(part)
        if len(parts) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_copy(spliced, paths.__getitem__, tmp_path / "export", tick)

    assert len(parts) == 3
    assert not [thread for thread in threading.enumerate() if thread.name == "hasher"]


def test_tells_how_far_it_is_up_to_the_end(spliced, paths, tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "BEAT_SECONDS", 0)
    parts = []

    write_copy(spliced, paths.__getitem__, tmp_path / "export", parts.append).finish(quiet)

    assert len(parts) > len(spliced.ranges)
    assert parts == sorted(parts)
    assert parts[0] == len(HEADER) / spliced.size
    assert parts[-1] == 1


def steps_of(paths, tmp_path):
    counts = []

    def copy(source, output, at, count):
        counts.append(count)
        return kernel_copy(source, output, at, count)

    spliced = describe(paths, [Range(0, 0, 50 * MIB)])
    write_copy(spliced, paths.__getitem__, tmp_path / "export", silent, ways=[copy]).finish(quiet)
    return counts


def test_asks_a_slow_disk_for_less_and_a_quick_one_for_more(tmp_path, monkeypatch):
    paths = {0: sparse(tmp_path / "0.mp4", 50 * MIB)}

    monkeypatch.setattr(delivery, "QUICK_SECONDS", float("inf"))
    assert steps_of(paths, tmp_path)[:5] == [MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB]

    monkeypatch.setattr(delivery, "SLOW_SECONDS", -1)
    assert set(steps_of(paths, tmp_path)[2:-1]) == {delivery.LEAST_STEP}


def test_hashes_a_file_as_it_grows(tmp_path):
    content = noise(9, 3 * MIB)
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    hasher = Hasher(file, len(content)).start()
    for at in range(0, len(content), 100_000):
        os.write(file, content[at : at + 100_000])
        hasher.reached(min(at + 100_000, len(content)))
    os.close(file)

    assert hasher.finish(quiet) == hashlib.sha256(content).hexdigest()


def test_a_file_that_somebody_shortens_is_an_error_and_no_more(tmp_path):
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.write(file, bytes(MIB))
    hasher = Hasher(file, 2 * MIB).start()
    hasher.reached(MIB)
    os.ftruncate(file, 0)
    hasher.reached(2 * MIB)
    os.close(file)

    with pytest.raises(OSError, match="before its end"):
        hasher.finish(quiet)


def test_hashes_what_is_handed_over_and_what_is_read_back_in_order(tmp_path):
    content = noise(9, 3 * MIB)
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.write(file, content)
    hasher = Hasher(file, len(content)).start()
    os.close(file)
    hasher.hand(content[:1000])
    hasher.reached(MIB)
    for at in range(MIB, len(content), HASHED):
        block = hasher.block(quiet)
        block[:] = content[at : at + HASHED]
        hasher.hand(memoryview(block), block)

    assert hasher.finish(quiet) == hashlib.sha256(content).hexdigest()


def test_a_writer_waits_for_the_hasher_when_all_blocks_are_full(tmp_path):
    """Nothing is hashed before the writer has to wait."""
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    waiting = threading.Event()
    gate = threading.Event()

    class Slow(Hasher):
        def hash_all(self):
            gate.wait()
            super().hash_all()

    def tick():
        waiting.set()
        gate.set()

    hasher = Slow(file, (MOST_BLOCKS + 1) * HASHED).start()
    os.close(file)
    for _ in range(MOST_BLOCKS + 1):
        block = hasher.block(tick)
        hasher.hand(memoryview(block), block)

    assert waiting.is_set()
    content = bytes((MOST_BLOCKS + 1) * HASHED)
    assert hasher.finish(quiet) == hashlib.sha256(content).hexdigest()


def test_a_writer_that_waits_hears_what_stopped_the_hasher(tmp_path):
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    hasher = Hasher(file, 100 * MIB).start()
    os.close(file)
    hasher.reached(MIB)

    for _ in range(MOST_BLOCKS):
        hasher.block(quiet)
    with pytest.raises(OSError, match="before its end"):
        hasher.block(quiet)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_steps_to_where_blocks_can_be_shared(offset, at, left):
    step = step_to_edge(offset, at, left)

    assert 0 < step <= left
    if padding_before(offset, at) == 0 and step < left:
        assert (offset + step) % BLOCK == (at + step) % BLOCK == 0


def test_asks_for_pieces_that_can_be_shared_where_a_range_lies_alike(paths, tmp_path):
    """Only such pieces are shared by file systems that can; the bytes are the same everywhere."""
    header = noise(0, 5000)
    spliced = describe(paths, [Range(1, 904, 600_000)], header)
    asked = []

    def copy(source, output, at, count):
        asked.append((at, os.lseek(output, 0, os.SEEK_CUR), count))
        return kernel_copy(source, output, at, count)

    write_copy(spliced, paths.__getitem__, tmp_path / "export", silent, ways=[copy]).finish(quiet)

    assert asked[0] == (904, 5000, BLOCK - 904)
    assert all(at % BLOCK == place % BLOCK == 0 for at, place, _ in asked[1:])
    assert (tmp_path / "export").read_bytes() == content_of(spliced, paths)


@pytest.mark.parametrize("ways", [[kernel_copy], []])
def test_copies_from_beyond_4_gib(tmp_path, ways):
    paths = {0: sparse(tmp_path / "0.mp4", 6 * GIB, **{f"at_{5 * GIB}": noise(5, MIB)})}
    spliced = describe(paths, [Range(0, 5 * GIB - 3, MIB)])

    write_copy(spliced, paths.__getitem__, tmp_path / "export", silent, ways=ways).finish(quiet)

    content = HEADER + b"\0\0\0" + noise(5, MIB)[:-3]
    assert (tmp_path / "export").read_bytes() == content


@pytest.mark.ffmpeg
def test_gives_the_same_film_copied_virtual_and_pinned(tmp_path):
    paths = dict(enumerate(Footage().make(tmp_path / "footage")))
    segments = [
        SegmentMedia(key, begin_of(path), read_segment(path)) for key, path in paths.items()
    ]
    asked = Interval(BEGIN + timedelta(seconds=3.3), BEGIN + timedelta(seconds=14.7))
    plan = make_plan(asked, segments)
    target = tmp_path / "export.mp4"

    sha256 = SpliceEngine().render(plan, paths.__getitem__, target, silent).finish(quiet)
    spliced = splice(plan)
    pinned = Pins([tmp_path / FOLDER]).pin("link", spliced, paths.__getitem__)

    content = read_all(spliced, pinned)
    assert content == target.read_bytes()
    assert sha256 == hashlib.sha256(content).hexdigest()
