"""Gets the planned packets out of a segment, and no others.

Where the plan was made of the tables of an mp4 file, packets are read from where these say they
are: a demuxer may part them in another way, or stop at damage the tables know nothing of. Other
files are demuxed once more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

from exports.clock import Nanoseconds, scale
from exports.cutting import Span
from exports.errors import SegmentChanged
from exports.plan import Slice
from vms.media.mp4.index import FileIndex, TrackIndex
from vms.media.mp4.table import Samples

# Sound stored sample by sample goes into packets of so many.
MOST_SAMPLES = 1024


def planned_packets(part: Slice, source: Any, path: Path) -> Iterator[Any]:
    """Yield the planned packets of both tracks in decode order; *source* is the opened *path*.

    Raises:
        SegmentChanged: the file is not what was planned any more.
    """
    index = part.segment.media.index
    if index is None or not is_plain(index):
        return demux(part, source)
    return read(part, index, source, path)


def is_plain(index: FileIndex) -> bool:
    """Say whether one decoder's configuration holds for each track from begin to end."""
    return all(len(track.entries) == 1 for track in index.tracks.values())


def changed(part: Slice) -> SegmentChanged:
    return SegmentChanged(
        f"The segment of {part.segment.begin:%Y-%m-%d %H:%M:%S} UTC changed while it was cut."
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a packet is in its file, and when it is decoded and shown, in ticks of its stream.

    `when` is the time of decoding in nanoseconds.
    """

    stream: Any
    base: Fraction
    when: int
    at: int
    size: int
    decoded: int
    shown: int
    duration: int
    is_key: bool


def read(part: Slice, index: FileIndex, source: Any, path: Path) -> Iterator[Any]:
    """Yield the planned packets by what the tables of their file say."""
    wanted = {"video": (part.video, part.skipped), "audio": (part.audio, ())}
    places = [
        places_of(index.tracks[kind], span, skipped, getattr(source.streams, kind)[0])
        for kind, (span, skipped) in wanted.items()
        if len(span)
    ]
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise changed(part) from error
    try:
        state = os.fstat(file)
        if (state.st_size, state.st_mtime_ns) != (index.size, index.mtime_ns):
            raise changed(part)
        for place in merge(*places, key=lambda place: place.when):
            yield packet_at(file, place, part)
    finally:
        os.close(file)


def packet_at(file: int, place: Place, part: Slice) -> Any:
    try:
        content = os.pread(file, place.size, place.at)
    except OSError as error:
        raise changed(part) from error
    if len(content) < place.size:
        raise changed(part)
    packet = av.Packet(content)
    packet.stream, packet.time_base = place.stream, place.base
    packet.pts, packet.dts, packet.duration = place.shown, place.decoded, place.duration
    packet.is_keyframe = place.is_key
    return packet


def places_of(
    track: TrackIndex, span: Span, skipped: tuple[int, ...], stream: Any
) -> Iterator[Place]:
    table = track.table.part(span.first, span.stop)
    samples = table.without([number - span.first for number in skipped]).samples()
    decoded = samples.decoded - track.origin
    base = Fraction(1, track.timescale)
    first = first_samples(samples, stream)
    columns = (
        scale(decoded[first], base),
        samples.at[first],
        np.add.reduceat(samples.size, first, dtype=np.int64),
        decoded[first],
        (decoded + samples.offset)[first],
        np.add.reduceat(samples.duration, first, dtype=np.int64),
        samples.sync[first],
    )
    for row in zip(*(column.tolist() for column in columns), strict=True):
        yield Place(stream, base, *row)


def first_samples(samples: Samples, stream: Any) -> Nanoseconds:
    """Return which samples begin a packet: each, but of uncompressed sound one of many."""
    count = len(samples)
    if stream.type == "video" or not stream.codec_context.name.startswith("pcm_"):
        return np.arange(count)
    apart = np.flatnonzero(samples.at[1:] != samples.at[:-1] + samples.size[:-1]) + 1
    stretches = pairwise([0, *apart.tolist(), count])
    return np.concatenate([np.arange(*stretch, MOST_SAMPLES) for stretch in stretches])


def demux(part: Slice, source: Any) -> Iterator[Any]:
    """Yield the planned packets by counting what the demuxer gives.

    A segment cut short raises at its damage, as it did when it was planned; what counts is
    whether the planned packets came before that.
    """
    streams, spans = [source.streams.video[0]], {source.streams.video[0].index: part.video}
    if len(part.audio):
        streams.append(source.streams.audio[0])
        spans[source.streams.audio[0].index] = part.audio
    seen = dict.fromkeys(spans, 0)
    wanted = sum(map(len, spans.values()))
    packets = source.demux(streams)
    while wanted:
        try:
            packet = next(packets)
        except (av.FFmpegError, OSError, StopIteration) as error:
            raise changed(part) from error
        if packet.size == 0 or (packet.pts is None and packet.dts is None):
            continue
        number, span = seen[packet.stream.index], spans[packet.stream.index]
        seen[packet.stream.index] += 1
        if span.first <= number < span.stop:
            wanted -= 1
            if span is not part.video or number not in part.skipped:
                yield packet
