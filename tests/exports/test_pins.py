from __future__ import annotations

import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cameras.archive.listing import list_files
from exports.engines.delivery import write_copy
from exports.engines.pins import FOLDER, Pins
from exports.errors import SegmentChanged
from tests.exports.noise import (
    HARM,
    MEMORY,
    content_of,
    describe,
    elsewhere,
    make_noise,
    noise,
    quiet,
    read_all,
    silent,
    splice_noise,
)


@pytest.fixture
def paths(tmp_path):
    return make_noise(tmp_path / "footage")


@pytest.fixture
def spliced(paths):
    return splice_noise(paths)


@pytest.fixture
def pins(tmp_path):
    return Pins([tmp_path / "footage" / FOLDER])


def test_pinned_file_outlives_its_archive(spliced, paths, pins):
    content = content_of(spliced, paths)
    pinned = pins.pin("link", spliced, paths.__getitem__)
    for path in paths.values():
        path.unlink()

    assert pinned.is_whole
    assert read_all(spliced, pinned) == content
    assert read_all(spliced, pins.pin("link", spliced, paths.__getitem__)) == content


def test_pinned_file_can_be_copied_when_its_archive_is_gone(spliced, paths, pins, tmp_path):
    content = content_of(spliced, paths)
    pinned = pins.pin("link", spliced, paths.__getitem__)
    for path in paths.values():
        path.unlink()

    write_copy(spliced, pinned.paths.__getitem__, tmp_path / "export", silent).finish(quiet)

    assert (tmp_path / "export").read_bytes() == content


def test_pins_are_no_footage_to_a_scan(spliced, paths, pins, tmp_path):
    pins.pin("link", spliced, paths.__getitem__)

    found = list_files(tmp_path / "footage")
    assert [file.path for file in found.files] == [f"{key}.mp4" for key in paths]
    assert found.refused == []


@pytest.mark.parametrize("harm", HARM)
def test_does_not_pin_what_is_not_as_planned(spliced, paths, pins, harm):
    harm(paths[2])

    with pytest.raises(SegmentChanged):
        pins.pin("link", spliced, paths.__getitem__)

    names = [path.name for path in (pins.roots[0] / "link").iterdir()]
    assert not [name for name in names if name.startswith("2-")]


def test_pins_a_segment_anew_that_was_written_anew(spliced, paths, pins):
    pins.pin("link", spliced, paths.__getitem__)
    paths[2].unlink()
    paths[2].write_bytes(noise(77, 700_000))
    again = describe(paths, spliced.ranges)

    assert read_all(again, pins.pin("link", again, paths.__getitem__)) == content_of(again, paths)


@elsewhere
def test_says_when_it_cannot_pin(spliced, paths):
    root = MEMORY / f"pins-{os.getpid()}"
    try:
        pinned = Pins([root]).pin("link", spliced, paths.__getitem__)

        assert not pinned.is_whole
        assert pinned.paths == paths
        assert read_all(spliced, pinned) == content_of(spliced, paths)
        assert not (root / "link").exists()
    finally:
        (root / ".lock").unlink()
        root.rmdir()


@elsewhere
def test_pins_in_the_first_root_that_can(spliced, paths, pins):
    content = content_of(spliced, paths)
    root = MEMORY / f"pins-{os.getpid()}"
    both = Pins([root, *pins.roots])
    try:
        assert both.pin("link", spliced, paths.__getitem__).is_whole
        for path in paths.values():
            path.unlink()
        assert read_all(spliced, both.pin("link", spliced, paths.__getitem__)) == content
    finally:
        (root / ".lock").unlink()
        root.rmdir()


def test_cannot_pin_where_no_folder_can_be_made(spliced, paths):
    """/proc stands for a disk that takes nothing, for the superuser too."""
    pinned = Pins([Path("/proc/sys/pins")]).pin("link", spliced, paths.__getitem__)

    assert not pinned.is_whole


@pytest.mark.parametrize("key", ["", ".", "..", "../footage", "a/b", ".lock", "-a", "a" * 101])
def test_refuses_a_key_that_is_no_plain_name(spliced, paths, pins, key):
    with pytest.raises(ValueError, match="key"):
        pins.pin(key, spliced, paths.__getitem__)
    with pytest.raises(ValueError, match="key"):
        pins.release(key)


def test_release_lets_go(spliced, paths, pins):
    for key in ("one", "two"):
        pins.pin(key, spliced, paths.__getitem__)
    pins.release("one")
    pins.release("one")

    assert keys_of(pins) == ["two"]
    assert all(path.stat().st_nlink == 2 for path in paths.values())


def test_counts_the_room_that_only_pins_take(spliced, paths, pins):
    for key in ("one", "two"):
        pins.pin(key, spliced, paths.__getitem__)
    assert pins.held_bytes() == 0

    room = paths[3].stat().st_blocks * 512
    paths[3].unlink()
    assert pins.held_bytes() == room

    pins.release("one")
    assert pins.held_bytes() == room
    pins.release("two")
    assert pins.held_bytes() == 0


HOUR = timedelta(hours=1)


def keys_of(pins):
    return sorted(path.name for path in pins.roots[0].iterdir() if path.is_dir())


def age(pins, key):
    os.utime(pins.roots[0] / key, (0, 0))


def test_sweep_takes_what_is_old_and_nobody_wants(spliced, paths, pins):
    hour_ago = datetime.now(UTC) - HOUR
    for key in ("old", "wanted", "fresh", "renewed"):
        pins.pin(key, spliced, paths.__getitem__)
    for key in ("old", "wanted", "renewed"):
        age(pins, key)
    pins.pin("renewed", spliced, paths.__getitem__)

    assert pins.sweep(hour_ago, lambda key: key == "wanted") == ["old"]
    assert set(keys_of(pins)) == {"wanted", "fresh", "renewed"}


def test_sweep_spares_what_is_still_read(spliced, paths, pins):
    pins.pin("link", spliced, paths.__getitem__)
    os.utime(pins.roots[0] / "link", (0, 0))

    pins.touch("link")
    pins.touch("another")

    assert pins.sweep(datetime.now(UTC) - timedelta(hours=1), lambda _key: False) == []


def test_sweep_of_nothing_is_fine(pins):
    assert pins.sweep(datetime.now(UTC), lambda _key: False) == []
    assert pins.held_bytes() == 0


def test_sweep_spares_a_pin_that_is_made_meanwhile(spliced, paths, pins):
    hour_ago = datetime.now(UTC) - HOUR
    pins.pin("link", spliced, paths.__getitem__)
    over = threading.Event()
    swept = []

    def sweep():
        while not over.is_set():
            swept.extend(pins.sweep(hour_ago, lambda _key: False))

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(200):
            age(pins, "link")
            pinned = pins.pin("link", spliced, paths.__getitem__)
            assert pinned.is_whole
            assert all(path.exists() for path in pinned.paths.values())
    finally:
        over.set()
        sweeper.join()


def test_sweep_spares_a_pin_that_is_asked_for_while_it_looks(spliced, paths, pins):
    pins.pin("link", spliced, paths.__getitem__)
    age(pins, "link")

    def is_wanted(_key):
        pins.pin("link", spliced, paths.__getitem__)
        return False

    assert pins.sweep(datetime.now(UTC) - HOUR, is_wanted) == []
    assert keys_of(pins) == ["link"]


def test_links_are_made_while_nobody_may_remove_any(spliced, paths, pins):
    looked = []

    def locate(segment):
        with (pins.roots[0] / ".lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        looked.append(segment)
        return paths[segment]

    pins.pin("link", spliced, locate)

    assert looked == list(paths)


def test_two_may_pin_the_same_at_once(spliced, paths, pins):
    def pin(_number):
        return pins.pin("link", spliced, paths.__getitem__)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(pin, range(24)))

    assert all(pinned == found[0] for pinned in found)
    assert found[0].is_whole
