"""Hands the packets of a plan to ffmpeg, each with its place in the result, through a pipe.

The pipe carries NUT, which keeps any time base exactly. ffmpeg thus never opens a segment, never
seeks and never guesses a time: what is in the plan is in the file, also from transport streams
and from segments cut short.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av

from exports.engines.decoded import PictureLane, SoundLane
from exports.engines.lanes import CopyLane, Lane, decoded_ahead
from exports.engines.packets import changed, planned_packets
from exports.engines.treatment import COPIED, Treatment
from exports.errors import EngineFailed, ExportError
from exports.plan import ExportPlan, Slice
from vms.media.opening import open_recording

# These put parameter sets in front of every keyframe, so that pictures may change midway.
IN_BAND = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}

BUFFER = 2**18
# Pictures that are encoded anew go through the pipe as they are, megabytes each. Without an index,
# and without waiting long for sound, none pile up in memory.
OPTIONS = {"write_index": "0", "max_interleave_delta": "500000"}
END_SECONDS = 2
ADTS_HEADER, SYNC = 7, 0xFF


class Feed(threading.Thread):
    """Writes a plan's packets into the write end of a pipe, and closes it.

    Output times are moved by *shift_ns*, so that hidden lead-in does not begin below zero.
    `error` holds what went wrong; a reader that goes away is not an error here: why it went is
    for the one who runs it to say.
    """

    def __init__(
        self,
        plan: ExportPlan,
        locate: Callable[[int], Path],
        descriptor: int,
        shift_ns: int,
        treatment: Treatment = COPIED,
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self.plan = plan
        self.locate = locate
        self.descriptor = descriptor
        self.shift_ns = shift_ns
        self.treatment = treatment
        self.lanes: dict[str, Lane] = {}
        self.error: ExportError | None = None

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

    def notes(self) -> Iterator[str]:
        """Say in words what could not be handed on as it should be."""
        for lane in self.lanes.values():
            if isinstance(lane, PictureLane) and lane.lost:
                yield f"{lane.lost} damaged pictures were replaced by the ones before them"

    def write_to(self, pipe: Any) -> None:
        options = OPTIONS if self.treatment.video else {}
        with av.open(
            pipe, "w", format="nut", buffer_size=BUFFER, container_options=options
        ) as output:
            self.write(output)

    def write(self, output: Any) -> None:
        lanes = self.lanes = self.add_lanes(output)
        for part in self.plan.slices:
            with self.open(part) as source:
                self.write_slice(output, part, source, lanes)
        for lane in lanes.values():
            for ready in lane.finish():
                output.mux(ready)

    def add_lanes(self, output: Any) -> dict[str, Lane]:
        """Add the tracks, and return what fills each, by the kind of its packets."""
        plan = self.plan
        with ExitStack() as stack:
            first = stack.enter_context(self.open(plan.slices[0]))
            lanes = {"video": self.picture_lane(output, first.streams.video[0])}
            if plan.audio is not None:
                heard = next(part for part in plan.slices if len(part.audio))
                source = stack.enter_context(self.open(heard))
                lanes["audio"] = self.sound_lane(output, source)
            output.start_encoding()
        return lanes

    def picture_lane(self, output: Any, template: Any) -> Lane:
        plan, treatment = self.plan, self.treatment
        base = 1 / treatment.rate if treatment.rate else plan.time_base
        if treatment.video is None:
            in_band = plan.configs > 1 or treatment.container.in_band
            track = add_track(output, template, in_band=in_band)
            track.time_base = base
            form = IN_BAND.get(template.codec_context.name) if in_band else None
            ahead = decoded_ahead(plan)
            return CopyLane(track, self.shift_ns, form=form, rate=treatment.rate, ahead_ns=ahead)
        media = plan.slices[0].segment.media
        track = output.add_stream("rawvideo")
        track.width, track.height = media.width // 2 * 2, media.height // 2 * 2
        track.pix_fmt = "yuv420p"
        track.time_base = track.codec_context.time_base = base
        return PictureLane(track, self.shift_ns, base)

    def sound_lane(self, output: Any, source: Any) -> Lane:
        template = source.streams.audio[0]
        context = template.codec_context
        if self.treatment.audio is None:
            track = add_track(output, template, in_band=False)
            needs_head = context.name == "aac" and not context.extradata
            if needs_head and self.treatment.container.headed:
                track.codec_context.extradata = read_adts(first_packet(source, template))
                return CopyLane(track, self.shift_ns, form="aac_adtstoasc")
            return CopyLane(track, self.shift_ns)
        track = output.add_stream("pcm_s16le", rate=context.sample_rate, layout=context.layout)
        return SoundLane(track, self.shift_ns, self.plan)

    def write_slice(self, output: Any, part: Slice, source: Any, lanes: Mapping[str, Lane]) -> None:
        """Write the planned packets of one segment."""
        lanes["video"].begin(part, source.streams.video[0])
        if len(part.audio):
            lanes["audio"].begin(part, source.streams.audio[0])
        for packet in planned_packets(part, source, self.locate(part.segment.id)):
            for ready in lanes[packet.stream.type].take(packet):
                output.mux(ready)

    def open(self, part: Slice) -> Any:
        try:
            return open_recording(self.locate(part.segment.id))
        except (av.FFmpegError, OSError) as error:
            raise changed(part) from error


def add_track(output: Any, template: Any, *, in_band: bool) -> Any:
    """Add a track like *template*, with its time base.

    With parameter sets in band there are none beside the packets: ffmpeg reads the first ones.
    """
    track = output.add_stream_from_template(template)
    if in_band and template.codec_context.name in IN_BAND:
        track.codec_context.extradata = None
    track.time_base = template.time_base
    return track


def first_packet(source: Any, stream: Any) -> bytes:
    return next((bytes(packet) for packet in source.demux(stream) if packet.size), b"")


def read_adts(packet: bytes) -> bytes:
    """Return the decoder's configuration that the header of an ADTS packet stands for.

    ISO/IEC 14496-3, 1.A.2.2 (header) and 1.6.2.1 (configuration). Empty when it has no such header.
    """
    if len(packet) < ADTS_HEADER or packet[0] != SYNC or packet[1] >> 4 != SYNC >> 4:
        return b""
    profile, rate = packet[2] >> 6, packet[2] >> 2 & 0xF
    channels = (packet[2] & 1) << 2 | packet[3] >> 6
    return ((profile + 1) << 11 | rate << 7 | channels << 3).to_bytes(2, "big")
