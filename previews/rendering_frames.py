"""Decodes what leads up to one picture of the archive, and as little else as can be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.context import ThreadType
from av.video.frame import VideoFrame

from exports.clock import Nanoseconds, scale
from exports.engines.base import Locate
from exports.engines.decoded import decode, decoder_of, place_finely
from exports.engines.packets import planned_packets
from exports.plan import Slice
from previews.rendering_lean import is_dispensable
from vms.media.mp4.index import TrackIndex
from vms.media.opening import keep_from_hanging, open_recording
from vms.media.smart.configuration import CODECS, Configuration, read_configuration
from vms.media.smart.source import Source, Unencodable, reading

# Of fewer pictures a second thread would be begun for nothing.
WORTH_THREADS = 4
THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Picture:
    """A decoded picture, when it is shown in output nanoseconds, and the shape of its points.

    The shape is None where they are square.
    """

    frame: VideoFrame
    at: int
    shape: Fraction | None


def pictures_until(
    parts: Sequence[Slice], locate: Locate, at: int, *, is_lean: bool
) -> Iterator[Picture]:
    """Decode *parts*, which follow one another, up to the picture shown at output time *at*.

    Others come before it, and with some containers behind it; those that no other is decoded from
    may be left out if *is_lean*.

    Raises:
        SegmentChanged, Unencodable, OSError: a segment is not what it was.
    """
    tracks = [track_of(part) for part in parts]
    known = [track for track in tracks if track is not None and track.entries[0][4:8] in CODECS]
    if len(known) < len(parts):
        return demuxed(parts, locate)
    places = [locate(part.segment.id) for part in parts]
    coded = [Coded.of(*one) for one in zip(parts, known, places, strict=True)]
    coded[-1] = coded[-1].until(at)
    return sampled(coded, at if is_lean else None)


def track_of(part: Slice) -> TrackIndex | None:
    index = part.segment.media.index
    return None if index is None else index.tracks["video"]


@dataclass(frozen=True)
class Coded:
    """Samples of a slice: which of its source's, and when these are shown, in output nanoseconds.

    The settings of its codec may change behind them.
    """

    source: Source
    shown: Nanoseconds
    numbers: Sequence[int]

    @classmethod
    def of(cls, part: Slice, track: TrackIndex, path: Path) -> Coded:
        source = Source.of(path, track, part.video.first)
        shown = scale(source.shown, Fraction(1, source.timescale))
        skipped = {number - part.video.first for number in part.skipped}
        numbers = range(min(len(part.video), len(source)))
        kept = [number for number in numbers if number not in skipped]
        return cls(source, shown - part.origin_ns + part.offset_ns, kept)

    def until(self, at: int) -> Coded:
        """Return the samples that are decoded up to the one shown *at*.

        Raises:
            Unencodable: that one has other settings.
        """
        found = [number for number in self.numbers if self.shown[number] == at]
        if not found:
            raise Unencodable("the settings of its codec change")
        return Coded(self.source, self.shown, [one for one in self.numbers if one <= found[0]])


def sampled(coded: Sequence[Coded], lean_until: int | None) -> Iterator[Picture]:
    """Decode samples read by the tables of their files."""
    config = read_configuration(coded[0].source.entry)
    decoder = decoder_for(config, sum(len(one.numbers) for one in coded))
    for one in coded:
        with reading(one.source) as reader:
            for number in one.numbers:
                content, shown = reader.read(number), int(one.shown[number])
                if lean_until in {None, shown} or not is_dispensable(content, config):
                    yield from shown_by(decoder, packet_of(content, shown))
    yield from shown_by(decoder, None)


def decoder_for(config: Configuration, count: int) -> Any:
    """Make a decoder of *count* samples."""
    decoder: Any = av.CodecContext.create(config.codec, "r")
    decoder.extradata = config.record
    decoder.thread_type = ThreadType.FRAME
    decoder.thread_count = THREADS if count >= WORTH_THREADS else 1
    keep_from_hanging(decoder)
    return decoder


def packet_of(content: bytes, shown: int) -> Any:
    packet = av.Packet(content)
    packet.pts = packet.dts = shown
    return packet


def demuxed(parts: Sequence[Slice], locate: Locate) -> Iterator[Picture]:
    """Decode what the general reader finds."""
    decoder: Any = None
    for part in parts:
        path = locate(part.segment.id)
        with open_recording(path) as container:
            decoder = decoder or decoder_of(container.streams.video[0])
            for packet in planned_packets(part, container, path):
                if packet.stream.type == "video":
                    place_finely(part, packet, 0)
                    yield from shown_by(decoder, packet)
    yield from shown_by(decoder, None)


def shown_by(decoder: Any, packet: Any) -> Iterable[Picture]:
    """Decode a packet; one that is damaged gives no picture, and those behind it still may."""
    for frame in decode(decoder, packet):
        if frame.pts is not None and not frame.is_corrupt:
            yield Picture(frame, frame.pts, decoder.sample_aspect_ratio or None)
