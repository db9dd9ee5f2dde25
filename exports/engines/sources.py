"""The segments of a spliced file as files: opened, and held to what they were planned with."""

from __future__ import annotations

import errno
import os
import resource
import stat
from contextlib import ExitStack
from typing import Self

from exports.engines.base import Locate
from exports.engines.spliced import SplicedFile
from exports.errors import SegmentChanged

# So many segments are opened before the first byte is copied; of more, each when its turn comes.
MOST_OPEN = 512
# A link or a pipe where a segment was is no segment, and must not be waited for.
HOW = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# We are short of something; the segment is not to blame.
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Sources:
    """Opens the segments of one file for reading.

    Retention cannot take away a segment that is open. When there are too many to open them all,
    each is looked at before anything begins; pin them (`exports.engines.pins`) to be sure of them.

    Raises:
        SegmentChanged: on entry and later, a segment is gone or not what was planned with.
        OSError: no descriptors are left.
    """

    def __init__(self, spliced: SplicedFile, locate: Locate) -> None:
        self.spliced = spliced
        self.locate = locate
        self.opened: dict[int, int] = {}
        self.keeps_all = False
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        segments = self.spliced.segments
        self.keeps_all = len(segments) <= most_open()
        with self.stack:
            for segment in segments:
                if self.keeps_all:
                    self.use(segment)
                else:
                    self.look_at(segment)
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stack.close()

    def use(self, segment: int) -> int:
        """Return the descriptor of *segment*."""
        if segment not in self.opened:
            if not self.keeps_all:
                self.stack.close()
                self.opened.clear()
            file = self.opened[segment] = open_segment(self.spliced, segment, self.locate)
            self.stack.callback(os.close, file)
        return self.opened[segment]

    def look_at(self, segment: int) -> None:
        check_path(self.spliced, segment, self.locate)

    def check(self, segment: int) -> None:
        """See that an open segment did not change under us."""
        if not is_as_planned(os.fstat(self.opened[segment]), self.spliced, segment):
            raise changed(self.spliced, segment)


def most_open() -> int:
    """Return how many descriptors one file may take: a part of those the process has."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN if soft == resource.RLIM_INFINITY else min(MOST_OPEN, soft // 4)


def open_segment(spliced: SplicedFile, segment: int, locate: Locate) -> int:
    """Open a segment that is still the one that was planned with; returns the descriptor."""
    try:
        file = os.open(locate(segment), HOW)
    except OSError as error:
        if error.errno in OURS:
            raise
        raise changed(spliced, segment) from error
    if not is_as_planned(os.fstat(file), spliced, segment):
        os.close(file)
        raise changed(spliced, segment)
    return file


def check_path(spliced: SplicedFile, segment: int, locate: Locate) -> None:
    """See, without opening it, that a segment is still the one that was planned with."""
    try:
        found = locate(segment).lstat()
    except OSError as error:
        raise changed(spliced, segment) from error
    if not is_as_planned(found, spliced, segment):
        raise changed(spliced, segment)


def is_as_planned(found: os.stat_result, spliced: SplicedFile, segment: int) -> bool:
    state = (found.st_size, found.st_mtime_ns)
    return stat.S_ISREG(found.st_mode) and state == spliced.states[segment]


def changed(spliced: SplicedFile, segment: int) -> SegmentChanged:
    begin = spliced.begins[segment]
    return SegmentChanged(f"The segment of {begin:%Y-%m-%d %H:%M:%S} UTC changed while it was cut.")
