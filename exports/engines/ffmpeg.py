"""The engine that has ffmpeg write the file, from packets handed to it one by one."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import ffmpeg
import structlog

from exports.clock import NS
from exports.engines.base import Locate, Tick
from exports.engines.feed import Feed
from exports.errors import EngineFailed, NoRoom
from exports.plan import ExportPlan
from vms.media.ffmpeg import FfmpegFailed, FfmpegStalled, Progress, ffmpeg_version, run_ffmpeg
from vms.media.mp4.boxes import MalformedBox
from vms.media.mp4.edits import trim_end

log = structlog.get_logger(__name__)

# Apple's players show H.265 only under this tag.
TAGS = {"hevc": "hvc1"}
DISK_FULL = "No space left on device"


class FfmpegEngine:
    """Stream copy into mp4: the lead-in hidden by an edit list, the end trimmed by it."""

    def __init__(self, program: Path, stall_seconds: float) -> None:
        self.program = program
        self.stall_seconds = stall_seconds

    @property
    def name(self) -> str:
        return f"ffmpeg {ffmpeg_version(self.program)}"[:64]

    def render(self, plan: ExportPlan, locate: Locate, target: Path, tick: Tick) -> str | None:
        """Write *target* and trim it; its digest is for the caller to find.

        Raises:
            SegmentChanged: the archive is not what was planned any more.
            NoRoom: the disk is full.
            EngineFailed: ffmpeg failed or hung; its messages are in the log.
        """
        # Whole seconds, so that the shift is exact in every time base.
        shift_ns = (plan.lead_in_ns // NS + 2) * NS
        reading, writing = os.pipe()
        feed = Feed(plan, locate, writing, shift_ns)
        try:
            feed.start()
            run_ffmpeg(
                self.arguments(plan, target, shift_ns),
                stdin=reading,
                on_tick=report(tick, plan.payload),
                stall_seconds=self.stall_seconds,
            )
        except (FfmpegFailed, FfmpegStalled) as error:
            raise feed.failure() or explain(error) from error
        finally:
            os.close(reading)
        if failure := feed.failure():
            raise failure
        trim(plan, target)
        return None

    def arguments(self, plan: ExportPlan, target: Path, shift_ns: int) -> list[str]:
        clock = plan.time_base.denominator if plan.time_base.numerator == 1 else 90_000
        options: dict[str, object] = {
            "c": "copy",
            "f": "mp4",
            "movflags": "+faststart",
            "movie_timescale": clock,
            "video_track_timescale": clock,
            "metadata": f"creation_time={plan.begin:%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        if plan.video.codec in TAGS:
            options["tag:v"] = TAGS[plan.video.codec]
        source = ffmpeg.input("pipe:0", f="nut", itsoffset=f"-{shift_ns // NS}")
        command: list[str] = (
            ffmpeg.output(source, str(target), **options)
            .global_args("-hide_banner", "-loglevel", "warning", "-nostats", "-copyts")
            .global_args("-progress", "pipe:1")
            .compile(cmd=str(self.program), overwrite_output=True)
        )
        return command


def report(tick: Tick, payload: int) -> Callable[[Progress], None]:
    """Turn bytes written into a fraction; the last few percent are checking and publishing."""

    def on_tick(progress: Progress) -> None:
        tick(min(1.0, progress.size / max(payload, 1)))

    return on_tick


def explain(error: FfmpegFailed | FfmpegStalled) -> EngineFailed | NoRoom:
    """Turn what happened to ffmpeg into what a person is told; details go to the log."""
    if isinstance(error, FfmpegStalled):
        log.warning("ffmpeg hung", reason=str(error))
        return EngineFailed("Making the file stopped moving and was ended.")
    log.warning("ffmpeg failed", code=error.code, messages=error.messages)
    if DISK_FULL in error.messages:
        return NoRoom("The server has no room left for the file; try again later.")
    return EngineFailed("Making the file failed.")


def trim(plan: ExportPlan, target: Path) -> None:
    try:
        trim_end(target, Fraction(plan.duration_ns, NS))
    except (MalformedBox, OSError) as error:
        raise EngineFailed("The file that was made is damaged.") from error
