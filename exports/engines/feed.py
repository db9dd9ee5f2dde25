"""Hands the packets of a plan to ffmpeg, each with its place in the result, through a pipe.

The pipe carries NUT, which keeps any time base exactly. ffmpeg thus never opens a segment, never
seeks and never guesses a time: what is in the plan is in the file, also from transport streams
and from segments cut short.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from exports.clock import NS
from exports.cutting import Span
from exports.errors import EngineFailed, ExportError, SegmentChanged
from exports.plan import ExportPlan, Slice

# These put parameter sets in front of every keyframe, so that pictures may change midway.
IN_BAND = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}

BUFFER = 2**18
END_SECONDS = 2


class Feed(threading.Thread):
    """Writes a plan's packets into the write end of a pipe, and closes it.

    Output times are moved by *shift_ns*, so that hidden lead-in does not begin below zero.
    `error` holds what went wrong; a reader that goes away is not an error here: why it went is
    for the one who runs it to say.
    """

    def __init__(
        self, plan: ExportPlan, locate: Callable[[int], Path], descriptor: int, shift_ns: int
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self.plan = plan
        self.locate = locate
        self.descriptor = descriptor
        self.shift_ns = shift_ns
        self.error: ExportError | None = None
        self.decoded: dict[int, Fraction] = {}

    def run(self) -> None:
        try:
            # A file of ours, not ffmpeg's own pipe output: that keeps a copy of the descriptor
            # open after an error, and the reader would wait for ever.
            with open(self.descriptor, "wb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
                self.write_to(pipe)
        except ExportError as error:
            self.error = error
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001 - a thread has no caller; the error is handed on
            self.error = EngineFailed("The parts of the archive could not be joined.")
            self.error.__cause__ = error

    def failure(self) -> ExportError | None:
        """Wait for the end of the feed and return what went wrong.

        One that hangs on a disk that does not answer is left behind: nothing can end it.
        """
        self.join(END_SECONDS)
        return self.error

    def write_to(self, pipe: Any) -> None:
        with av.open(pipe, "w", format="nut", buffer_size=BUFFER) as output:
            self.write(output)

    def write(self, output: Any) -> None:
        plan = self.plan
        with ExitStack() as stack:
            first = stack.enter_context(self.open(plan.slices[0]))
            video = add_track(output, first.streams.video[0], in_band=plan.configs > 1)
            video.time_base = plan.time_base
            audio = None
            if plan.audio is not None:
                heard = next(part for part in plan.slices if len(part.audio))
                source = stack.enter_context(self.open(heard))
                audio = add_track(output, source.streams.audio[0], in_band=False)
            output.start_encoding()
        for part in plan.slices:
            with self.open(part) as source:
                self.write_slice(output, part, source, video, audio)

    def write_slice(self, output: Any, part: Slice, source: Any, video: Any, audio: Any) -> None:
        """Write the planned packets of one segment.

        A segment cut short raises at its damage, as it did when it was planned; what counts is
        whether the planned packets came before that.
        """
        wanted = len(part.video) + len(part.audio)
        convert = converter(source.streams.video[0], in_band=self.plan.configs > 1)
        packets = select(part, source)
        while wanted:
            try:
                packet = next(packets)
            except (av.FFmpegError, OSError, StopIteration) as error:
                raise changed(part) from error
            target = video if packet.stream.type == "video" else audio
            self.place(part, packet, target)
            for ready in convert(packet) if target is video else [packet]:
                ready.stream = target
                output.mux(ready)
            wanted -= 1

    def place(self, part: Slice, packet: Any, target: Any) -> None:
        """Give *packet* its output time; decode times keep their distance to shown ones.

        Where segments overlap by a moment, decode times are pushed on: they have to rise.
        """
        base = packet.time_base
        origin = round(part.origin / base)
        move = round((part.offset_ns + self.shift_ns) / (NS * base)) - origin
        shown = packet.pts if packet.pts is not None else packet.dts
        decoded = packet.dts if packet.dts is not None else shown
        packet.pts = shown + move
        packet.dts = decoded + move
        after = self.decoded.get(target.index)
        if after is not None and packet.dts * base <= after:
            packet.dts = int(after // base) + 1
            packet.pts = max(packet.pts, packet.dts)
        self.decoded[target.index] = packet.dts * base

    def open(self, part: Slice) -> Any:
        try:
            return av.open(str(self.locate(part.segment.id)), metadata_errors="ignore")
        except (av.FFmpegError, OSError) as error:
            raise changed(part) from error


def changed(part: Slice) -> SegmentChanged:
    return SegmentChanged(
        f"The segment of {part.segment.begin:%Y-%m-%d %H:%M:%S} UTC changed while it was cut."
    )


def add_track(output: Any, template: Any, *, in_band: bool) -> Any:
    """Add a track like *template*, with its time base.

    With parameter sets in band there are none beside the packets: ffmpeg reads the first ones.
    """
    track = output.add_stream_from_template(template)
    if in_band and template.codec_context.name in IN_BAND:
        track.codec_context.extradata = None
    track.time_base = template.time_base
    return track


def converter(stream: Any, *, in_band: bool) -> Callable[[Any], list[Any]]:
    """Return what turns one packet of *stream* into those to write."""
    name = IN_BAND.get(stream.codec_context.name) if in_band else None
    if name is None:
        return lambda packet: [packet]
    convert: Callable[[Any], list[Any]] = av.BitStreamFilterContext(name, stream).filter
    return convert


def select(part: Slice, source: Any) -> Iterator[Any]:
    """Yield the planned packets of both tracks in file order."""
    streams = [source.streams.video[0]]
    spans: dict[int, Span] = {source.streams.video[0].index: part.video}
    if len(part.audio):
        streams.append(source.streams.audio[0])
        spans[source.streams.audio[0].index] = part.audio
    seen = dict.fromkeys(spans, 0)
    for packet in source.demux(streams):
        if packet.size == 0 or (packet.pts is None and packet.dts is None):
            continue
        index = packet.stream.index
        span = spans[index]
        if span.first <= seen[index] < span.stop:
            yield packet
        seen[index] += 1
