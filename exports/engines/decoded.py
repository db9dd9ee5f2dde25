"""The tracks of a feed that are decoded here, because they are encoded anew.

What goes through the pipe is pictures and samples, just those of the result and each in its place;
ffmpeg is left nothing to choose.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from exports.clock import NS
from exports.engines.timing import slice_times
from exports.plan import ExportPlan, Slice
from exports.terms import HOLD
from vms.media.opening import keep_from_hanging

# libavcodec's AV_CODEC_FLAG2_SKIP_MANUAL.
SKIP_MANUAL = 1 << 29
# Times of pictures are rounded on their way here.
ROUNDING_NS = 2000
# Sound this near to where it belongs is taken to follow what came before.
SEAMLESS_SECONDS = Fraction(1, 500)


class PictureLane:
    """Pictures decoded, and just those that are shown handed on, in one size.

    Inside, times are whole nanoseconds. A picture that cannot be decoded is replaced by its
    neighbour, so that what follows stays in its place; `lost` counts them.
    """

    def __init__(self, track: Any, shift_ns: int, base: Fraction) -> None:
        self.track = track
        self.shift_ns = shift_ns
        self.base = base
        self.decoder: Any = None
        self.config = ""
        self.ended: datetime | None = None
        self.wanted: deque[int] = deque()
        self.held: list[Any] = []
        self.last: Any = None
        self.tick = -1
        self.lost = 0

    def begin(self, part: Slice, source: Any) -> None:
        """Get ready for a slice; behind a gap a decoder would take its order for that before."""
        ended, self.ended = self.ended, part.end
        self.part = part
        config = part.segment.media.video.config
        if config != self.config or part.hides or (ended and part.begin - ended > HOLD):
            self.held = list(self.finish())
            self.config = config
            self.decoder = decoder_of(source)
        self.wanted.extend((slice_times(part) + self.shift_ns).tolist())

    def take(self, packet: Any) -> Iterable[Any]:
        yield from self.held
        self.held = []
        place_finely(self.part, packet, self.shift_ns)
        yield from self.show(decode(self.decoder, packet))

    def finish(self) -> Iterable[Any]:
        """Empty the decoder; pictures still wanted after that are lost."""
        if self.decoder is not None:
            yield from self.show(decode(self.decoder, None))
        while self.wanted and self.last is not None:
            self.lost += 1
            yield from self.encode(self.last)

    def show(self, frames: Iterable[Any]) -> Iterator[Any]:
        for frame in frames:
            if frame.pts is None:
                continue
            while self.wanted and self.wanted[0] < frame.pts - ROUNDING_NS:
                self.lost += 1
                yield from self.encode(self.last if self.last is not None else self.fit(frame))
            if self.wanted and self.wanted[0] <= frame.pts + ROUNDING_NS:
                self.last = self.fit(frame)
                yield from self.encode(self.last)

    def fit(self, frame: Any) -> Any:
        """Bring a frame to the size and form that is encoded; cameras use full range at times."""
        context = self.track.codec_context
        is_full = frame.color_range == ColorRange.JPEG
        return frame.reformat(
            context.width,
            context.height,
            "yuv420p",
            dst_color_range=ColorRange.MPEG if is_full else None,
        )

    def encode(self, frame: Any) -> Any:
        """Hand *frame* on as the next wanted picture."""
        tick = round(self.wanted.popleft() / (NS * self.base))
        self.tick = max(tick, self.tick + 1)
        frame.time_base, frame.pts = self.base, self.tick
        return self.track.encode(frame)


class SoundLane:
    """Sound decoded, its samples from the begin of the result to its end, pauses filled."""

    def __init__(self, track: Any, shift_ns: int, plan: ExportPlan) -> None:
        self.track = track
        self.rate = int(track.codec_context.sample_rate)
        self.layout = track.codec_context.layout
        self.resampler = av.AudioResampler("s16", self.layout, self.rate)
        self.shift_ns = shift_ns
        self.decoder: Any = None
        self.at = shift_ns * self.rate // NS
        self.end = (shift_ns + plan.duration_ns) * self.rate // NS

    def begin(self, part: Slice, source: Any) -> None:
        self.part = part
        if self.decoder is None:
            self.decoder = decoder_of(source)

    def take(self, packet: Any) -> Iterable[Any]:
        place_finely(self.part, packet, self.shift_ns)
        for frame in decode(self.decoder, packet):
            yield from self.fill(frame)

    def finish(self) -> Iterable[Any]:
        if self.decoder is not None:
            for frame in decode(self.decoder, None):
                yield from self.fill(frame)

    def fill(self, frame: Any) -> Iterator[Any]:
        """Write a frame's samples where they belong, silence up to them."""
        at = round(frame.pts * self.rate / NS)
        for part in self.resampler.resample(frame):
            samples = part.to_ndarray().reshape(-1, self.layout.nb_channels).astype(np.int16)
            first = self.at if abs(at - self.at) <= SEAMLESS_SECONDS * self.rate else at
            at = first + len(samples)
            while self.at < min(first, self.end):
                pause = min(first - self.at, self.end - self.at, self.rate)
                yield self.packet(np.zeros((pause, self.layout.nb_channels), np.int16))
            heard = samples[max(0, self.at - first) : max(0, self.end - first)]
            if len(heard):
                yield self.packet(heard)

    def packet(self, samples: NDArray[np.int16]) -> Any:
        packet = av.Packet(samples.tobytes())
        packet.stream = self.track
        packet.time_base = Fraction(1, self.rate)
        packet.pts = packet.dts = self.at
        packet.duration = len(samples)
        self.at += len(samples)
        return packet


def place_finely(part: Slice, packet: Any, shift_ns: int) -> None:
    """Give *packet* its output time in nanoseconds, to know its frames by."""
    move = part.offset_ns + shift_ns - round(part.origin * NS)
    shown, decoded = (
        None if ticks is None else round(ticks * packet.time_base * NS) + move
        for ticks in (packet.pts, packet.dts)
    )
    packet.time_base = Fraction(1, NS)
    packet.pts = decoded if shown is None else shown
    packet.dts = shown if decoded is None else decoded


def decoder_of(source: Any) -> Any:
    """Make a decoder like that of the stream *source*, which outlives its file."""
    context = av.CodecContext.create(source.codec_context.name, "r")
    if source.codec_context.extradata:
        context.extradata = source.codec_context.extradata
    if source.type == "audio":
        context.sample_rate = source.codec_context.sample_rate
        context.layout = source.codec_context.layout
        # What a file's own edit list hides is left out by its time, not by the decoder.
        context.flags2 |= SKIP_MANUAL
    context.thread_type = "AUTO"
    keep_from_hanging(context)
    return context


def decode(decoder: Any, packet: Any) -> Iterator[Any]:
    """Decode one packet, None for the last ones; damage gives nothing instead of an error."""
    try:
        yield from decoder.decode(packet)
    except av.FFmpegError:
        return
