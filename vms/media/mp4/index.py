"""Where each sample of an mp4 file is and when it is shown, read from its boxes alone.

Reads plain and fragmented files (ISO/IEC 14496-12 sections 8.5 to 8.8), the index before or after
the media, and of files that are cut short what is whole. Nothing is mapped into memory: a file
that shrinks under a mapping ends the process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from vms.media.mp4.atoms import (
    Malformed,
    Top,
    boxes,
    children,
    first,
    number,
    required,
    wide_number,
)
from vms.media.mp4.fragments import Fragments, read_defaults, table_of
from vms.media.mp4.summary import Summary, summarise
from vms.media.mp4.table import Ints, Spans, Table, join_samples, pack, spans_of
from vms.media.mp4.tables import most_samples, read_tables

MOST_ENTRIES = 1000
# So many pictures' times are kept of a file that is summed up: four hours of them.
MOST_TIMES = 400_000
# An index larger than this is no camera's segment; a forged size must not fill memory.
LARGEST_INDEX = 256 * 2**20
KINDS = {b"vide": "video", b"soun": "audio"}
# What forged figures turn into on their way through the tables.
ODD = (OverflowError, ValueError, IndexError)
# Ticks; sums of two still fit into 64 bits with a sign.
LONGEST_EDIT = 2**61
EMPTY_EDIT = {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}


class IndexLost(Malformed):
    """The file has media and no whole movie box: nobody knows any more where its samples are."""


@dataclass(frozen=True, slots=True)
class TrackIndex:
    """One track: its sample entries as bytes, its clock, and its samples.

    `origin` is the tick of the media that the file's own edit list shows at its zero; `length`
    is for how many ticks it shows the track, None for as long as there is something.
    """

    kind: str
    timescale: int
    entries: tuple[bytes, ...]
    origin: int
    length: int | None
    summary: Summary
    load: Callable[[], Table]

    @property
    def table(self) -> Table:
        """The samples; made anew each time where a day of them would fill memory."""
        return self.load()


@dataclass(frozen=True, slots=True)
class FileIndex:
    """The tracks of a file by kind, the first of each.

    `spans` hold the samples of these tracks. `size` and `mtime_ns` tell which state of the file
    was read, `truncated` that something at its end was not whole.
    """

    tracks: dict[str, TrackIndex]
    spans: Spans
    size: int
    mtime_ns: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class Summaries:
    """The tracks of a file by kind, their ticks a second, and how many seconds it is shown.

    `scale` is the movie's own ticks a second. `shown_at` are the ticks at which the pictures are
    shown, in decode order; None for so many that they would fill memory.
    """

    tracks: dict[str, Summary]
    timescales: dict[str, int]
    scale: int
    length: Fraction
    shown_at: Ints | None


@dataclass
class Track:
    """A track while its file is read."""

    id: int
    kind: str
    timescale: int
    entries: tuple[bytes, ...]
    origin: int
    length: int | None
    table: Table


def read_index(path: Path) -> FileIndex:
    """Read the index of the mp4 file *path*.

    Raises:
        IndexLost: it was cut short before or within its movie box.
        Malformed: it is not an mp4 file, has no movie box, or its tables contradict themselves.
        OSError: it cannot be opened or read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        state = os.fstat(descriptor)
        tracks, truncated = read_tracks(descriptor, state.st_size)
        used = [track.table for track in tracks.values() if track.summary.count]
        spans = spans_of(used) if used else None
    except ODD as error:
        raise Malformed("figures that cannot be") from error
    finally:
        os.close(descriptor)
    if spans is None:
        raise Malformed("samples that share bytes, or none at all")
    return FileIndex(tracks, spans, state.st_size, state.st_mtime_ns, truncated)


def read_summaries(path: Path) -> Summaries:
    """Sum up the tracks of a whole, plain mp4 file, in the memory of one of them.

    Raises:
        Malformed: as `read_index`, or a sample lies beyond the end of the file.
        OSError: it cannot be opened or read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        movie = next((box for box in boxes(descriptor, 0, size) if box.kind == b"moov"), None)
        if movie is None or movie.end > size:
            raise Malformed("no movie box")
        return sum_up(descriptor, movie, size)
    except ODD as error:
        raise Malformed("figures that cannot be") from error
    finally:
        os.close(descriptor)


def sum_up(file: int, movie: Top, size: int) -> Summaries:
    scale, ticks = 0, 0
    shown_at: Ints | None = None
    tracks: dict[str, Summary] = {}
    timescales: dict[str, int] = {}
    for box in boxes(file, movie.body, movie.end):
        if box.kind == b"mvhd":
            scale, ticks = movie_clock(read_box(file, box))
        elif box.kind == b"trak":
            track = read_movie_track(read_box(file, box), scale, most_samples(size))
            if track is None:
                continue
            if whole(track.table, size) < len(track.table):
                raise Malformed("a sample beyond the end of the file")
            tracks[track.kind] = summarise(track.table, track.origin, track.length)
            timescales[track.kind] = track.timescale
            if track.kind == "video" and len(track.table) <= MOST_TIMES:
                shown_at = track.table.decoded + track.table.offset - track.origin
    if scale == 0:
        raise Malformed("a clock that stands still")
    return Summaries(tracks, timescales, scale, Fraction(ticks, scale), shown_at)


def read_tracks(file: int, size: int) -> tuple[dict[str, TrackIndex], bool]:
    tracks: dict[int, Track] | None = None
    fragments = Fragments({}, 0)
    reached = 0
    is_lost = False
    for box in boxes(file, 0, size):
        is_lost |= box.kind == b"mdat" or (box.kind == b"moov" and box.end > size)
        if box.kind in {b"moov", b"moof"} and box.end <= size:
            content = read_box(file, box)
            if box.kind == b"moov" and tracks is None:
                tracks = read_movie(content, most_samples(size))
                fragments = Fragments(read_defaults(content), most_samples(size))
            elif box.kind == b"moof" and tracks is not None:
                try:
                    fragments.read(content, box.begin)
                except (Malformed, *ODD):
                    break  # what came before it stays
        reached = box.end
    if tracks is None:
        raise IndexLost("no whole movie box") if is_lost else Malformed("no movie box")
    by_kind: dict[str, TrackIndex] = {}
    cut = reached != size
    for number_, track in tracks.items():
        table = track.table
        if number_ in fragments.runs:
            found, is_all = table_of(fragments.runs[number_])
            table, cut = with_fragments(table, found), cut or not is_all
        kept = whole(table, size)
        cut = cut or kept < len(table)
        by_kind.setdefault(track.kind, finished(track, table.part(0, kept)))
    return by_kind, cut


def with_fragments(table: Table, fragments: Table) -> Table:
    """Put the samples of fragments behind those of the movie box, if it has any."""
    if not len(table):
        return fragments
    return pack(join_samples(table.samples(), fragments.samples()))


def whole(table: Table, size: int) -> int:
    """Count the samples before the first that is not wholly in the file."""
    if not len(table) or table.data_end <= size:
        return len(table)
    return int(np.flatnonzero(table.at + table.size > size)[0])


def finished(track: Track, table: Table) -> TrackIndex:
    """Turn a track that was read into its index.

    Raises:
        Malformed: a sample refers to a sample entry that is not there.
    """
    entries = track.entries
    if len(table):
        least, most = int(table.chunk_entry.min()), int(table.chunk_entry.max())
        if least < 0 or most >= len(entries):
            raise Malformed("a sample entry that is not there")
    if len(table) and len(entries) > 1:
        used, numbers = np.unique(table.chunk_entry, return_inverse=True)
        entries = tuple(entries[number] for number in used)
        table = replace(table, chunk_entry=numbers)
    summary = summarise(table, track.origin, track.length)
    return TrackIndex(
        track.kind,
        track.timescale,
        entries,
        track.origin,
        track.length,
        summary,
        lambda: table,
    )


def read_box(file: int, box: Top) -> memoryview:
    if box.content is not None:
        return box.content
    if box.end - box.body > LARGEST_INDEX:
        raise Malformed("an index of impossible size")
    content = os.pread(file, box.end - box.body, box.body)
    if len(content) < box.end - box.body:
        raise Malformed("a file that became shorter")
    return memoryview(content)


def read_movie(movie: memoryview, limit: int) -> dict[int, Track]:
    """Read the first video and the first audio track of a `moov` box (8.2.1), by track id."""
    movie_scale, _ = movie_clock(required(movie, b"mvhd"))
    tracks: dict[int, Track] = {}
    for kind, body in children(movie):
        if kind != b"trak":
            continue
        track = read_movie_track(body, movie_scale, limit)
        if track is not None and track.kind not in {other.kind for other in tracks.values()}:
            tracks[track.id] = track
    return tracks


def movie_clock(head: memoryview) -> tuple[int, int]:
    """Return the ticks a second and the length in ticks of `mvhd` (8.2.2)."""
    if number(head, 0) >> 24:
        return number(head, 20), wide_number(head, 24)
    return number(head, 12), number(head, 16)


def read_movie_track(body: memoryview, movie_scale: int, limit: int) -> Track | None:
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
    return Track(
        id=track_id,
        kind=kind,
        timescale=timescale,
        entries=read_entries(required(table, b"stsd")),
        origin=origin,
        length=length,
        table=read_tables(table, limit),
    )


def read_entries(box: memoryview) -> tuple[bytes, ...]:
    """Read the sample entries of an `stsd` box (8.5.2), each as the whole box."""
    entries = list(children(box[8:]))
    if len(entries) > MOST_ENTRIES:
        raise Malformed("more sample entries than any recording has")
    return tuple((len(body) + 8).to_bytes(4, "big") + kind + bytes(body) for kind, body in entries)


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
    if max(found[0], shift, length) > LONGEST_EDIT:
        raise Malformed("an edit list longer than any recording")
    return found[0] - shift, length + shift if length else None
