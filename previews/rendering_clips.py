"""A few seconds of the archive as an mp4 file that browsers play."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av

from cameras.timeline import Interval
from exports.cutting import Span
from exports.engines.containers import MP4
from exports.engines.decoded import PictureLane
from exports.engines.feed import Feed
from exports.engines.lanes import Lane
from exports.engines.splice import can_splice, splice
from exports.engines.treatment import COPIED, Treatment
from exports.engines.virtual import VirtualFile
from exports.errors import CodecChanged, ExportError, NoFootage
from exports.plan import ExportPlan, Slice, make_plan
from exports.terms import Cut
from previews.errors import CannotRender, is_no_room
from previews.rendering_segments import Opened, instant
from vms.media.opening import keep_from_hanging

NOTHING = "There is no footage at this time; choose another one."
DAMAGED = "The recording is damaged here; choose another time."
# What every browser of today plays in mp4; H.265 only some do, on some machines.
PLAYED = frozenset({"h264", "av1", "vp9"})
PLAYED_SOUND = frozenset({"aac", "mp3", "opus"})
# A preview that is encoded anew is made small and quickly.
WIDEST = 1280
ENCODER = {"preset": "superfast", "crf": "26", "threads": "2"}


def render_clip(
    *, segments: list[dict[str, Any]], at: int, seconds: float, keeps_codec: bool, target: str
) -> dict[str, Any]:
    """Write the *seconds* from *at* (microseconds since 1970) on to *target*.

    Pictures that browsers play are copied, others encoded anew unless it *keeps_codec*. Where
    nothing is, or nothing of use, the next of *segments* is shown. Returns `{"at": when the first
    picture was taken, in microseconds}`.

    Raises:
        CannotRender: there is nothing in any of them. OSError: no room to write it.
    """
    opened = Opened(segments)
    for moment in (instant(at), *opened.later_begins(instant(at))):
        try:
            begin = write_clip(opened, moment, seconds, Path(target), keeps_codec=keeps_codec)
        except NoFootage:
            continue
        except (ExportError, av.FFmpegError, OSError, ValueError) as error:
            if is_no_room(error):
                raise
            opened.is_damaged = True
            continue
        return {"at": round(begin.timestamp() * 1e6)}
    raise CannotRender(DAMAGED if opened.is_damaged else NOTHING)


def write_clip(
    opened: Opened, moment: datetime, seconds: float, target: Path, *, keeps_codec: bool
) -> datetime:
    """Write the clip that begins at *moment*; returns when its first picture was taken."""
    asked = Interval(moment, moment + timedelta(seconds=seconds))
    plan = plan_clip(asked, opened, Cut.EXACT)
    if not (keeps_codec or plan.video.codec in PLAYED):
        Writer(plan, opened.locate, Treatment(MP4, video="libx264")).write_file(target)
    elif can_splice(plan):
        write_spliced(plan, opened, target)
    else:
        # Nothing is hidden in such a file, so it begins with what can be decoded by itself.
        plan = plan_clip(asked, opened, Cut.KEYFRAME)
        Writer(plan, opened.locate, COPIED).write_file(target)
    return plan.begin


def plan_clip(asked: Interval, opened: Opened, cut: Cut) -> ExportPlan:
    """Plan *asked* up to where the camera changed its codec.

    Raises:
        NoFootage: there is nothing.
    """
    segments = opened.begun_before(asked.end)
    try:
        return opened.plan_of(asked, segments, cut)
    except CodecChanged:
        codec = make_plan(asked, segments, cut=cut, transcode=True).video.codec
        same = [one for one in segments if one.media.video.codec == codec]
        return opened.plan_of(asked, same, cut)


def write_spliced(plan: ExportPlan, opened: Opened, target: Path) -> None:
    file = VirtualFile(splice(plan), opened.locate)
    with target.open("wb") as output:
        for block in file.read(0, file.length):
            output.write(block)


class Writer(Feed):
    """Writes the packets of a plan into an mp4 file, the pictures encoded anew if need be."""

    def __init__(self, plan: ExportPlan, locate: Any, treatment: Treatment) -> None:
        # What is hidden at the begin comes before zero and is not written; sound may, a little.
        super().__init__(playable(plan), locate, -1, 0, treatment)

    def write_file(self, target: Path) -> None:
        options = {"movflags": "+faststart", "avoid_negative_ts": "make_zero"}
        with av.open(str(target), "w", format="mp4", container_options=options) as output:
            self.write(output)
            if self.treatment.video is not None:
                output.mux(self.lanes["video"].track.encode(None))

    def picture_lane(self, output: Any, template: Any) -> Lane:
        if self.treatment.video is None:
            return super().picture_lane(output, template)
        base = self.plan.time_base
        track = output.add_stream(self.treatment.video, options=ENCODER)
        track.width, track.height = size_of(template.codec_context)
        track.pix_fmt = "yuv420p"
        if template.codec_context.sample_aspect_ratio:
            track.codec_context.sample_aspect_ratio = template.codec_context.sample_aspect_ratio
        track.time_base = track.codec_context.time_base = base
        return SteadyLane(track, self.shift_ns, base)


class SteadyLane(PictureLane):
    """Decodes with as many threads as are safe."""

    def begin(self, part: Slice, source: Any) -> None:
        before = self.decoder
        super().begin(part, source)
        if self.decoder is not before:
            keep_from_hanging(self.decoder)


def playable(plan: ExportPlan) -> ExportPlan:
    """Return *plan* without its sound where browsers would not play that."""
    if plan.audio is None or plan.audio.codec in PLAYED_SOUND:
        return plan
    silent = tuple(replace(part, audio=Span(0, 0)) for part in plan.slices)
    return replace(plan, slices=silent)


def size_of(source: Any) -> tuple[int, int]:
    """Return the width and height to encode in: even, and not too wide."""
    width, height = source.width, source.height
    if width > WIDEST:
        width, height = WIDEST, height * WIDEST // width
    return max(2, width // 2 * 2), max(2, height // 2 * 2)
