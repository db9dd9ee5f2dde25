"""Rendered pictures and clips on disk, under a cap: what nobody asked for the longest goes first.

`<cache>/<first two letters>/<key>.<suffix>`; a file is there whole or not at all. When it was last
asked for is its time of change. Processes that share the folder claim what they render by a lock on
one byte of the file `.claims`, whose place the key tells; the kernel drops it with the process.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import count
from pathlib import Path

CLAIMS = ".claims"
PARTIAL = ".partial"
# Room is made in strides, not file by file: down to so much of the cap, whenever so much was added.
KEPT_SHARE = 7 / 8
STRIDE_SHARE = 1 / 16
# No link lives longer; what was not asked for since then will not be.
OLDEST_SECONDS = 86_400
# No rendering takes so long: its process is gone.
ABANDONED_SECONDS = 3600
POLL_SECONDS = 0.02


class Cache:
    """Results below *root*, *most_bytes* of them; safe to use from threads and processes."""

    def __init__(self, root: Path, most_bytes: int) -> None:
        self.root = root
        self.most_bytes = most_bytes
        self.lock = threading.Lock()
        self.added = most_bytes  # what others left there is looked at first
        self.numbers = count()

    def path(self, key: str, suffix: str) -> Path:
        return self.root / key[:2] / f"{key}.{suffix}"

    def find(self, key: str, suffix: str) -> Path | None:
        """Return where a result is, None when it is not there; it counts as asked for now."""
        path = self.path(key, suffix)
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def partial(self, key: str, suffix: str) -> Path:
        """Return where to make a result."""
        folder = self.root / PARTIAL
        self.make_folder(folder)
        return folder / f"{key}.{os.getpid()}.{next(self.numbers)}.{suffix}"

    def keep(self, partial: Path, key: str, suffix: str) -> Path:
        """Take over a result that was made; older ones may have to go for it."""
        path = self.path(key, suffix)
        self.make_folder(path.parent)
        size = partial.stat().st_size
        partial.rename(path)
        with self.lock:
            self.added += size
            if self.added < self.most_bytes * STRIDE_SHARE:
                return path
            self.added = 0
        self.make_room(path)
        return path

    def make_folder(self, folder: Path) -> None:
        """Make a folder that nobody else on the machine may look into, and what it lies in."""
        for one in (self.root, folder):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)

    def make_room(self, newest: Path) -> None:
        """Remove what was not asked for the longest until the rest is well below the cap.

        *newest* stays, whatever its size: somebody is waiting for it.
        """
        now = time.time()
        self.remove_abandoned(now)
        found = sorted((state.st_mtime, state.st_size, path) for path, state in self.files())
        total = sum(size for _, size, _ in found)
        for used_at, size, path in found:
            if total <= self.most_bytes * KEPT_SHARE and now - used_at < OLDEST_SECONDS:
                break
            if path != newest:
                path.unlink(missing_ok=True)
                total -= size

    def files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):
                yield path, path.stat()

    def remove_abandoned(self, now: float) -> None:
        for path in (self.root / PARTIAL).glob("*"):
            with suppress(FileNotFoundError):
                if now - path.stat().st_mtime > ABANDONED_SECONDS:
                    path.unlink()

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Hold what no other process holds at the same time; ours sees to itself."""
        place = int(key[:15], 16)
        while not self.lock_byte(place):
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            fcntl.lockf(self.claims, fcntl.LOCK_UN, 1, place)

    def lock_byte(self, place: int) -> bool:
        try:
            fcntl.lockf(self.claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):  # fcntl(2): EAGAIN or EACCES
            return False
        return True

    @cached_property
    def claims(self) -> int:
        """The descriptor of the file of locks, open as long as we are: closing drops them all."""
        self.make_folder(self.root)
        return os.open(self.root / CLAIMS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
