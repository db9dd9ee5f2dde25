"""Which segments an interval of a stream's archive is made of, and where their files are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cameras.models import ArchiveFolder, Segment, Stream
from cameras.timeline import Interval, merge

# Segments this close follow one another: names and clocks are not finer than that.
JOINED = timedelta(seconds=1)


class OutsideFolder(Exception):
    """A segment's path leads out of its archive folder; nothing there may be read or deleted."""


class FoundSegment(NamedTuple):
    """A segment that was found: what reading it needs, without the rest of its row."""

    id: int
    begin: datetime
    size: int
    path: str
    folder_id: int


def segments_touching(stream: Stream, interval: Interval) -> list[FoundSegment]:
    """List the segments with an instant in *interval*, by begin: one query on one index."""
    touching = stream.segments.all().touching(interval, stream.longest_segment)
    return [FoundSegment(*row) for row in touching.values_list(*FoundSegment._fields)]


def absolute_path(segment: Segment) -> Path:
    """Return where the file of *segment* is; whether it exists is not looked at.

    Raises:
        OutsideFolder: the path, or a link on it, leads out of the folder.
    """
    return path_inside(segment.folder, segment.path)


class Places:
    """Finds the files of one stream's segments; each folder on their way is looked at once.

    One query when it is made, none later.
    """

    def __init__(self, stream: Stream) -> None:
        self.folders = ArchiveFolder.objects.filter(stream=stream).in_bulk()
        self.seen: dict[tuple[int, str], Path] = {}

    def path_of(self, segment: FoundSegment) -> Path:
        """Return where the file of *segment* is; whether it exists is not looked at.

        Raises:
            OutsideFolder: the path, or a link on it, leads out of the folder; or its folder is
                gone.
        """
        folder = self.folders.get(segment.folder_id)
        if folder is None:
            raise OutsideFolder("its archive folder is gone")
        parent, _, name = segment.path.rpartition("/")
        key = (segment.folder_id, parent)
        if key not in self.seen:
            self.seen[key] = path_inside(folder, segment.path).parent
        path = self.seen[key] / name
        if name in {"", ".", ".."} or os.path.islink(path):  # noqa: PTH114 - quick for thousands
            return path_inside(folder, segment.path)
        return path


def path_inside(folder: ArchiveFolder, path: str) -> Path:
    """Join *folder* and the relative *path*.

    Raises:
        OutsideFolder: the path, or a link on it, leads out of the folder.
    """
    parts = PurePosixPath(path)
    root = Path(folder.path)
    if not path or parts.is_absolute() or ".." in parts.parts:
        raise OutsideFolder("the path leads out of its archive folder")
    joined = root / parts
    if not joined.resolve().is_relative_to(root.resolve()):
        raise OutsideFolder("a link leads out of the archive folder")
    return joined


def covered(stream: Stream, interval: Interval, tolerance: timedelta = JOINED) -> list[Interval]:
    """List the parts of *interval* with footage, joined over holes up to *tolerance*: one query."""
    touching = stream.segments.all().touching(interval, stream.longest_segment)
    return [
        part
        for part in (run.clip(interval) for run in merge(intervals_of(touching), tolerance))
        if part is not None
    ]


def folder_runs(folder: ArchiveFolder, tolerance: timedelta = JOINED) -> list[Interval]:
    """List the unbroken stretches of everything that is indexed in *folder*: one query."""
    return merge(intervals_of(folder.segments.all()), tolerance)


def intervals_of(segments: Iterable[Segment]) -> list[Interval]:
    rows: Iterable[tuple[datetime, datetime]] = segments.values_list("begin", "end")  # type: ignore[attr-defined]
    return [Interval(begin, end) for begin, end in rows]
