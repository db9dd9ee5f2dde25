"""One picture of the archive, the very one on screen at an instant, as a JPEG file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import ThreadType
from av.video.frame import VideoFrame

from exports.engines.decoded import decoder_of
from exports.engines.packets import planned_packets
from exports.errors import ExportError
from exports.plan import ExportPlan, Slice, output_times
from exports.terms import HOLD
from previews.errors import CannotRender
from previews.rendering_jpeg import encode_jpeg
from previews.rendering_segments import Opened, instant
from vms.media.opening import keep_from_hanging, open_recording
from vms.media.smart.configuration import CODECS, read_configuration
from vms.media.smart.source import Reader, Source, Unencodable, reading

NOTHING = "There is no footage at this time; choose another one."
DAMAGED = "The recording is damaged here; choose another time."
MICROSECOND = timedelta(microseconds=1)
# Of fewer pictures a second thread would be begun for nothing.
WORTH_THREADS = 4
THREADS = min(4, os.cpu_count() or 1)
# No camera's picture has more points; one that claims to would fill memory.
MOST_POINTS = 2**26


def render_picture(
    *, segments: list[dict[str, Any]], at: int, width: int | None, target: str
) -> dict[str, Any]:
    """Write the picture on screen *at* (microseconds since 1970) to *target*.

    Where none is, or none that can be decoded, it is the first picture of the next of *segments*.
    Returns `{"at": when it was taken, in microseconds}`.

    Raises:
        CannotRender: none of them has one.
    """
    opened = Opened(segments)
    message = NOTHING
    for moment in (instant(at), *opened.later_begins(instant(at))):
        try:
            plan = opened.plan(moment, moment + HOLD + MICROSECOND)
            picture = first_picture(plan, opened)
        except (ExportError, Unencodable, CannotRender, av.FFmpegError, OSError, ValueError):
            message = DAMAGED if opened.is_damaged else NOTHING
            continue
        Path(target).write_bytes(encode_jpeg(picture.frame, width, picture.shape))
        return {"at": round(plan.begin.timestamp() * 1e6)}
    raise CannotRender(message)


def warm() -> None:
    """Do nothing: the libraries are loaded by then."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture and the shape of its points, None where they are square."""

    frame: VideoFrame
    shape: Fraction | None


def first_picture(plan: ExportPlan, opened: Opened) -> Picture:
    """Decode the first picture *plan* shows; where it is damaged, the nearest good one before it.

    Raises:
        CannotRender: neither can be decoded.
        SegmentChanged, Unencodable, OSError: its segment is not what it was.
    """
    part = plan.slices[0]
    media = part.segment.media
    if media.width * media.height > MOST_POINTS:
        raise CannotRender(DAMAGED)
    shown = output_times(part, media.video, part.video)
    wanted = int(media.video.pts[part.video.slice()][shown >= part.at_ns].min())
    with packets_of(part, opened.locate(part.segment.id), wanted) as (decoder, packets):
        frame = decode_until(decoder, packets, wanted)
        return Picture(frame, decoder.sample_aspect_ratio or None)


def decode_until(decoder: Any, packets: Iterable[Any], wanted: int) -> VideoFrame:
    """Return the picture shown at tick *wanted*, or the last good one before it."""
    nearest: tuple[int, VideoFrame] | None = None
    for frame in decoded(decoder, packets):
        if frame.pts is None or frame.pts > wanted or frame.is_corrupt:
            continue
        if frame.pts == wanted:
            return frame
        if nearest is None or nearest[0] < frame.pts:
            nearest = frame.pts, frame
    if nearest is None:
        raise CannotRender(DAMAGED)
    return nearest[1]


def decoded(decoder: Any, packets: Iterable[Any]) -> Iterator[VideoFrame]:
    """Decode *packets*; one that is damaged gives no picture, and those behind it still may."""
    for packet in chain(packets, (None,)):
        with suppress(av.FFmpegError):
            yield from decoder.decode(packet)


@contextmanager
def packets_of(part: Slice, path: Path, wanted: int) -> Iterator[tuple[Any, Iterable[Any]]]:
    """Give a decoder, and what it needs for the picture of tick *wanted*, in decode order."""
    index = part.segment.media.index
    track = None if index is None else index.tracks["video"]
    if track is not None and track.entries[0][4:8] in CODECS:
        source = Source.of(path, track, part.video.first)
        with reading(source) as reader:
            yield sample_decoder(source, wanted), samples_until(reader, wanted)
        return
    with open_recording(path) as container:
        packets = planned_packets(part, container, path)
        decoder = decoder_of(container.streams.video[0])
        keep_from_hanging(decoder)
        yield decoder, (packet for packet in packets if packet.stream.type == "video")


def sample_decoder(source: Source, wanted: int) -> Any:
    config = read_configuration(source.entry)
    decoder: Any = av.CodecContext.create(config.codec, "r")
    decoder.extradata = config.record
    decoder.thread_type = ThreadType.FRAME
    decoder.thread_count = THREADS if number_of(source, wanted) >= WORTH_THREADS else 1
    keep_from_hanging(decoder)
    return decoder


def number_of(source: Source, wanted: int) -> int:
    """Return which sample, in decode order, is shown at tick *wanted*."""
    found = np.flatnonzero(source.shown == wanted)
    if not len(found):
        raise Unencodable("the settings of its codec change")
    return int(found[0])


def samples_until(reader: Reader, wanted: int) -> Iterator[Any]:
    """Read the samples that are decoded up to the one shown at tick *wanted*."""
    for number in range(number_of(reader.source, wanted) + 1):
        packet = av.Packet(reader.read(number))
        packet.pts = packet.dts = int(reader.source.shown[number])
        yield packet
