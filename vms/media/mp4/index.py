"""Where each sample of an mp4 file is and when it is shown, read from its boxes alone.

Reads plain and fragmented files (ISO/IEC 14496-12 sections 8.5 to 8.8), the index before or after
the media, and of files that are cut short what is whole. Nothing is mapped into memory: a file
that shrinks under a mapping ends the process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vms.media.mp4.atoms import (
    Malformed,
    Top,
    children,
    first,
    number,
    required,
    top_level,
    wide_number,
)
from vms.media.mp4.fragments import Defaults, read_defaults, read_fragment
from vms.media.mp4.tables import Samples, join_samples, read_tables

# An index larger than this is no camera's segment; a forged size must not fill memory.
LARGEST_INDEX = 256 * 2**20
KINDS = {b"vide": "video", b"soun": "audio"}
# What forged figures turn into on their way through the tables.
ODD = (OverflowError, ValueError, IndexError)
EMPTY_EDIT = {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}


@dataclass(frozen=True)
class TrackIndex:
    """One track: its sample entries as bytes, its clock, and its samples in decode order.

    `origin` is the tick of the media that the file's own edit list shows at its zero; `length`
    is for how many ticks it shows the track, None for as long as there is something.
    """

    kind: str
    timescale: int
    entries: tuple[bytes, ...]
    samples: Samples
    origin: int
    length: int | None

    @property
    def shown_at(self) -> NDArray[np.int64]:
        """Ticks at which each sample is shown, on the file's own clock."""
        return self.samples.decoded + self.samples.offset - self.origin

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Which samples the file's own edit list never shows."""
        at = self.shown_at
        hidden = at + self.samples.duration <= 0
        return hidden if self.length is None else hidden | (at >= self.length)


@dataclass(frozen=True)
class FileIndex:
    """The tracks of a file by kind, the first of each.

    `size` and `mtime_ns` tell which state of the file was read, `truncated` that something at its
    end was not whole.
    """

    tracks: dict[str, TrackIndex]
    size: int
    mtime_ns: int
    truncated: bool


@dataclass
class Track:
    """A track while its file is read."""

    id: int
    kind: str
    timescale: int
    entries: tuple[bytes, ...]
    origin: int
    length: int | None
    runs: list[Samples]


def read_index(path: Path) -> FileIndex:
    """Read the index of the mp4 file *path*.

    Raises:
        Malformed: it is not an mp4 file, has no movie box, or its tables contradict themselves.
        OSError: it cannot be opened or read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        state = os.fstat(descriptor)
        tracks, truncated = read_tracks(descriptor, state.st_size)
    except ODD as error:
        raise Malformed("figures that cannot be") from error
    finally:
        os.close(descriptor)
    return FileIndex(tracks, state.st_size, state.st_mtime_ns, truncated)


def read_tracks(file: int, size: int) -> tuple[dict[str, TrackIndex], bool]:
    tracks: dict[int, Track] | None = None
    defaults: dict[int, Defaults] = {}
    ends: dict[int, int] = {}
    reached = 0
    for box in top_level(file, size):
        if box.kind in {b"moov", b"moof"} and box.end <= size:
            content = read_box(file, box)
            if box.kind == b"moov" and tracks is None:
                tracks, defaults = read_movie(content), read_defaults(content)
            elif box.kind == b"moof" and tracks is not None:
                try:
                    found = read_fragment(content, box.begin, defaults, ends)
                except (Malformed, *ODD):
                    break  # what came before it stays
                for track_id, runs in found.items():
                    if track_id in tracks:
                        tracks[track_id].runs.extend(runs)
        reached = box.end
    if tracks is None:
        raise Malformed("no movie box")
    by_kind: dict[str, TrackIndex] = {}
    cut = reached != size
    for track in tracks.values():
        samples = join_samples(track.runs)
        kept = whole(samples, size)
        cut = cut or kept < len(samples)
        by_kind.setdefault(track.kind, finished(track, samples.until(kept)))
    return by_kind, cut


def whole(samples: Samples, size: int) -> int:
    """Count the samples before the first that is not wholly in the file."""
    outside = np.flatnonzero(samples.at + samples.size > size)
    return int(outside[0]) if len(outside) else len(samples)


def finished(track: Track, samples: Samples) -> TrackIndex:
    return TrackIndex(
        track.kind, track.timescale, track.entries, samples, track.origin, track.length
    )


def read_box(file: int, box: Top) -> memoryview:
    if box.end - box.body > LARGEST_INDEX:
        raise Malformed("an index of impossible size")
    content = os.pread(file, box.end - box.body, box.body)
    if len(content) < box.end - box.body:
        raise Malformed("a file that became shorter")
    return memoryview(content)


def read_movie(movie: memoryview) -> dict[int, Track]:
    """Read the first video and the first audio track of a `moov` box (8.2.1), by track id."""
    head = required(movie, b"mvhd")
    movie_scale = number(head, 20 if number(head, 0) >> 24 else 12)
    tracks: dict[int, Track] = {}
    for kind, body in children(movie):
        if kind != b"trak":
            continue
        track = read_movie_track(body, movie_scale)
        if track is not None and track.kind not in {other.kind for other in tracks.values()}:
            tracks[track.id] = track
    return tracks


def read_movie_track(body: memoryview, movie_scale: int) -> Track | None:
    """Read one `trak` box (8.3); None for one that is neither picture nor sound."""
    media = required(body, b"mdia")
    kind = KINDS.get(bytes(required(media, b"hdlr")[8:12]))
    if kind is None:
        return None
    head = required(body, b"tkhd")
    track_id = number(head, 20 if number(head, 0) >> 24 else 12)
    head = required(media, b"mdhd")
    timescale = number(head, 20 if number(head, 0) >> 24 else 12)
    if timescale == 0 or movie_scale == 0:
        raise Malformed("a clock that stands still")
    table = required(media, b"minf", b"stbl")
    origin, length = read_edits(body, timescale, movie_scale)
    samples = read_tables(table)
    return Track(
        id=track_id,
        kind=kind,
        timescale=timescale,
        entries=read_entries(required(table, b"stsd")),
        origin=origin,
        length=length,
        runs=[samples] if len(samples) else [],
    )


def read_entries(box: memoryview) -> tuple[bytes, ...]:
    """Read the sample entries of an `stsd` box (8.5.2), each as the whole box."""
    return tuple(
        (len(body) + 8).to_bytes(4, "big") + kind + bytes(body) for kind, body in children(box[8:])
    )


def read_edits(body: memoryview, timescale: int, movie_scale: int) -> tuple[int, int | None]:
    """Read `elst` (8.6.6): what is shown at zero and for how long, in ticks of the track.

    Raises:
        Malformed: there is more than a delay and one stretch of media; nobody records that.
    """
    box = first(body, b"edts", b"elst")
    if box is None:
        return 0, None
    wide = number(box, 0) >> 24
    delay, found = 0, None
    for index in range(number(box, 4)):
        at = 8 + index * (20 if wide else 12)
        length = wide_number(box, at) if wide else number(box, at)
        start = wide_number(box, at + 8) if wide else number(box, at + 4)
        if start in EMPTY_EDIT and found is None:
            delay += length
        elif found is None:
            found = (start, length)
        else:
            raise Malformed("an edit list of several parts")
    if found is None:
        return 0, None
    shift = delay * timescale // movie_scale
    length = found[1] * timescale // movie_scale
    return found[0] - shift, length + shift if length else None
