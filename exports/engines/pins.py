"""Hard links that keep segments readable while a link to a virtual file lives.

A pin is a folder of links, `<root>/<key>/<segment>-<size>-<mtime>`. The root is a hidden folder of
ours on the archive's disk, which scans pass over; folders of others are never written to. Where no
root is on the disk of a segment, or the system forbids the link, the segment is used where it is
and the caller is told.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exports.engines.base import Locate
from exports.engines.sources import changed, is_as_planned
from exports.engines.spliced import SplicedFile

FOLDER = ".pins"
KEY = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_-]{0,99}")
LOCK = ".lock"
# No link can be made here: another disk, a full or read-only one, one without links, none at all;
# or the system lets nobody link to the files of somebody else (fs.protected_hardlinks).
IMPOSSIBLE = frozenset(
    {
        errno.EXDEV,
        errno.EPERM,
        errno.EACCES,
        errno.EROFS,
        errno.EMLINK,
        errno.EOPNOTSUPP,
        errno.ENOSYS,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.ENOLCK,
        errno.ENOENT,
        errno.ENOTDIR,
    }
)


@dataclass(frozen=True)
class Pinned:
    """Where to read each segment, by its id; `is_whole` says that nobody can take one away."""

    paths: Mapping[int, Path]
    is_whole: bool


@dataclass(frozen=True)
class Pins:
    """The pins below some roots; of each segment's links one is made, in the first root that can.

    Making and removing exclude each other across processes by a lock file in each root.
    """

    roots: Sequence[Path]

    def pin(self, key: str, spliced: SplicedFile, locate: Locate) -> Pinned:
        """Pin every segment of *spliced* under *key*; those pinned already stay as they are.

        Raises:
            SegmentChanged: a segment is gone, or not what was planned with.
            ValueError: *key* is no plain name.
        """
        refuse_name(key)
        paths: dict[int, Path] = {}
        for root in self.roots:
            paths |= found_in(root, key, spliced)
        for root in self.roots:
            missing = [segment for segment in spliced.segments if segment not in paths]
            paths |= link_into(root, key, spliced, missing, locate)
        missing = [segment for segment in spliced.segments if segment not in paths]
        return Pinned(paths | {segment: locate(segment) for segment in missing}, not missing)

    def touch(self, key: str) -> None:
        """Let what is pinned under *key* count as asked for now; nothing pinned is fine."""
        refuse_name(key)
        for root in self.roots:
            with suppress(FileNotFoundError):
                os.utime(root / key)

    def release(self, key: str) -> None:
        """Let go of what is pinned under *key*; nothing pinned is fine."""
        refuse_name(key)
        for root in self.roots:
            if (root / key).is_dir():
                with locked(root):
                    remove(root / key)

    def sweep(self, older_than: datetime, is_wanted: Callable[[str], bool]) -> list[str]:
        """Release pins last asked for before *older_than* that nobody wants; returns their keys.

        A pin that is asked for meanwhile counts as new and stays.
        """
        swept = []
        for root, key in self.keys():
            if is_old(root / key, older_than) and not is_wanted(key):
                with locked(root):
                    if is_old(root / key, older_than):
                        remove(root / key)
                        swept.append(key)
        return sorted(set(swept))

    def held_bytes(self) -> int:
        """Return how much room only pins take: what would come free if all were released."""
        links: dict[tuple[int, int], list[os.stat_result]] = {}
        for root, key in self.keys():
            with suppress(FileNotFoundError), os.scandir(root / key) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    links.setdefault((found.st_dev, found.st_ino), []).append(found)
        return sum(
            seen[-1].st_blocks * 512 for seen in links.values() if len(seen) == seen[-1].st_nlink
        )

    def keys(self) -> Iterator[tuple[Path, str]]:
        for root in self.roots:
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(root) as entries:
                for entry in entries:
                    if KEY.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                        yield root, entry.name


def refuse_name(key: str) -> None:
    if not KEY.fullmatch(key):
        raise ValueError("the key of a pin is letters, digits, _ and -")


def name_of(spliced: SplicedFile, segment: int) -> str:
    """Name the link after what it was planned with: a rewritten segment is another file."""
    size, mtime_ns = spliced.states[segment]
    return f"{segment}-{size}-{mtime_ns}"


def found_in(root: Path, key: str, spliced: SplicedFile) -> dict[int, Path]:
    """List the segments that are pinned here under *key*, which counts as asked for now."""
    folder = root / key
    if not folder.is_dir():
        return {}
    found: dict[int, Path] = {}
    with locked(root), suppress(FileNotFoundError):
        os.utime(folder)
        names = {path.name for path in folder.iterdir()}
        for segment in spliced.segments:
            path = folder / name_of(spliced, segment)
            if path.name in names and is_as_planned(path.lstat(), spliced, segment):
                found[segment] = path
    return found


def link_into(
    root: Path, key: str, spliced: SplicedFile, segments: Sequence[int], locate: Locate
) -> dict[int, Path]:
    """Link what of *segments* can be linked here; returns where.

    Raises:
        SegmentChanged: a segment is gone, or not what was planned with.
    """
    linked: dict[int, Path] = {}
    if not segments:
        return linked
    with suppress_impossible():
        root.mkdir(mode=0o750, parents=True, exist_ok=True)
        with locked(root):
            folder = root / key
            folder.mkdir(mode=0o750, exist_ok=True)
            try:
                for segment in segments:
                    target = folder / name_of(spliced, segment)
                    if link(locate(segment), target, spliced, segment):
                        linked[segment] = target
            finally:
                with suppress(OSError):  # there are links in it: the usual end
                    folder.rmdir()
    return linked


def link(path: Path, target: Path, spliced: SplicedFile, segment: int) -> bool:
    """Link a segment; False where that cannot be done."""
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        pass  # and is looked at as if it were new
    except FileNotFoundError as error:
        raise changed(spliced, segment) from error
    except OSError as error:
        if error.errno not in IMPOSSIBLE:
            raise
        return False
    if not is_as_planned(target.lstat(), spliced, segment):
        target.unlink(missing_ok=True)
        raise changed(spliced, segment)
    return True


@contextmanager
def suppress_impossible() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in IMPOSSIBLE:
            raise


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Have the root for oneself, among all processes and threads."""
    file = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def is_old(folder: Path, older_than: datetime) -> bool:
    try:
        return folder.stat().st_mtime < older_than.timestamp()
    except FileNotFoundError:
        return False


def remove(folder: Path) -> None:
    """Remove a folder of links; never follows one."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
