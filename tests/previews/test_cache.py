"""What is kept of rendered previews, and what goes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from previews.cache import Cache
from tests.running import wait_until
from vms.env import PROJECT_DIR

KB = 1000


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", 100 * KB)


def key(number):
    return f"{number:032x}"[::-1]


def keep(cache, number, size=10 * KB, used_at=None):
    partial = cache.partial(key(number), "jpg")
    partial.write_bytes(bytes(size))
    path = cache.keep(partial, key(number), "jpg")
    if used_at is not None and path.exists():
        os.utime(path, (used_at, used_at))
    return path


def kept(cache, count):
    return [number for number in range(count) if cache.path(key(number), "jpg").exists()]


def size_of(cache):
    return sum(path.stat().st_size for path in cache.root.rglob("*.jpg"))


def test_finds_what_was_kept(cache):
    path = keep(cache, 1)

    assert cache.find(key(1), "jpg") == path
    assert path.stat().st_size == 10 * KB
    assert cache.find(key(1), "mp4") is None
    assert cache.find(key(2), "jpg") is None


def test_never_shows_what_is_still_being_made(cache):
    cache.partial(key(1), "jpg").write_bytes(b"half")

    assert cache.find(key(1), "jpg") is None


def test_stays_under_its_cap_whatever_comes(cache):
    for number in range(50):
        keep(cache, number)
        assert size_of(cache) <= 100 * KB


def test_removes_what_nobody_asked_for_the_longest(cache):
    now = __import__("time").time()
    for number in range(8):
        keep(cache, number, used_at=now - 1000 + number)
    cache.find(key(0), "jpg")

    for number in range(8, 11):
        keep(cache, number, used_at=now - 500 + number)

    assert 0 in kept(cache, 11)
    assert 1 not in kept(cache, 11)
    assert 10 in kept(cache, 11)


def test_keeps_one_that_is_larger_than_the_cap_for_who_waits_for_it(cache):
    assert keep(cache, 1, size=200 * KB).exists()
    assert kept(cache, 2) == [1]
    keep(cache, 0)
    assert kept(cache, 2) == [0]


def test_counts_what_was_there_before_it(cache):
    for number in range(8):
        keep(cache, number)
    smaller = Cache(cache.root, 30 * KB)

    keep(smaller, 8)

    assert size_of(cache) <= 30 * KB


def test_removes_what_was_not_asked_for_in_a_day(cache):
    keep(cache, 1, used_at=1)
    fresh = Cache(cache.root, 100 * KB)

    keep(fresh, 2)

    assert kept(cache, 3) == [2]


def test_removes_what_a_crash_left_half_made(cache):
    left = cache.partial(key(1), "jpg")
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    making = cache.partial(key(2), "jpg")
    making.write_bytes(b"half")

    keep(cache, 3)

    assert not left.exists()
    assert making.exists()


def test_who_reads_a_result_is_not_disturbed_when_it_goes(cache):
    path = keep(cache, 1, used_at=1)
    with path.open("rb") as file:
        keep(Cache(cache.root, 10 * KB), 2)
        assert not path.exists()
        assert len(file.read()) == 10 * KB


def test_holds_what_another_process_wants_until_it_is_done(cache, tmp_path):
    ready, done = tmp_path / "ready", threading.Event()
    code = (
        "import sys; from pathlib import Path; from previews.cache import Cache\n"
        f"with Cache(Path({str(cache.root)!r}), 1).claim({key(7)!r}):\n"
        f"    Path({str(ready)!r}).touch(); sys.stdin.read()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_DIR, stdin=subprocess.PIPE)
    wait_until(ready.exists)

    def claim():
        with cache.claim(key(7)):
            done.set()

    thread = threading.Thread(target=claim)
    thread.start()
    with cache.claim(key(8)):
        assert not done.is_set()
    other.kill()  # the kernel drops the claims of who dies
    other.wait()
    other.stdin.close()
    thread.join(60)

    assert done.is_set()


def test_lets_nobody_else_on_the_machine_look(cache):
    path = keep(cache, 1)

    for folder in (cache.root, path.parent, cache.root / ".partial"):
        assert Path(folder).stat().st_mode & 0o077 == 0
