"""The engine that has ffmpeg write the file, from packets handed to it one by one."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np
import structlog

from exports.clock import NS
from exports.engines.base import Locate, Tick
from exports.engines.feed import Feed
from exports.engines.lanes import decoded_ahead
from exports.engines.opening import exact
from exports.engines.timing import bounded_length, slice_times, ticks_up
from exports.engines.treatment import COPIED, LOSSLESS, Treatment, treat
from exports.engines.verify import verify
from exports.errors import EngineFailed, NoRoom
from exports.plan import ExportPlan
from exports.terms import Cut
from vms.media.ffmpeg import FfmpegFailed, FfmpegStalled, Progress, ffmpeg_version, run_ffmpeg
from vms.media.mp4.atoms import Malformed
from vms.media.mp4.edits import name_iso, trim_end
from vms.media.mp4.index import read_index

log = structlog.get_logger(__name__)

# Apple's players show H.265 only under the first; under it nothing that changes midway is seen.
ONE_FORM, SEVERAL_FORMS = "hvc1", "hev1"
# Close to the source to the eye; no picture is stored before one that it is shown after.
QUALITY = {"preset": "veryfast", "crf": "20", "bf": "0", "pix_fmt": "yuv420p"}
# What every player takes. At low rates the encoder makes packets too large for AVI to count.
SOUND = {"ar": "48000", "b:a": "96k"}
DISK_FULL = "No space left on device"


class FfmpegEngine:
    """Makes every container; copies what it can hold exactly, encodes the rest.

    Where there are edit lists the lead-in is hidden by one, and the end trimmed by it.
    """

    def __init__(
        self, program: Path, stall_seconds: float, treatment: Treatment | None = None
    ) -> None:
        self.program = program
        self.stall_seconds = stall_seconds
        self.treatment = treatment
        self.came_up: list[str] = []

    @property
    def name(self) -> str:
        return f"ffmpeg {ffmpeg_version(self.program)}"[:64]

    def render(self, plan: ExportPlan, locate: Locate, target: Path, tick: Tick) -> None:
        """Write *target* and trim it; its digest is for the caller to find.

        Without a treatment of its own it makes mp4.

        Raises:
            SegmentChanged: the archive is not what was planned any more.
            NoRoom: the disk is full.
            EngineFailed: ffmpeg failed or hung, its messages are in the log; or the begin was
                encoded anew.
        """
        refuse_opened(plan)
        treatment = self.treatment_of(plan)
        # Whole seconds, so that the shift is exact in every time base.
        shift_ns = ((plan.lead_in_ns + decoded_ahead(plan)) // NS + 2) * NS
        reading, writing = os.pipe()
        feed = Feed(plan, locate, writing, shift_ns, treatment)
        try:
            feed.start()
            run_ffmpeg(
                self.arguments(plan, treatment, target, shift_ns),
                stdin=reading,
                on_tick=report(tick, plan, treatment),
                stall_seconds=self.stall_seconds,
            )
        except (FfmpegFailed, FfmpegStalled) as error:
            raise feed.failure() or explain(error) from error
        finally:
            os.close(reading)
        if failure := feed.failure():
            raise failure
        self.came_up = list(feed.notes())
        if treatment.container.edit_lists:
            finish(plan, treatment, target)

    def prepare(self, plan: ExportPlan, _locate: Locate, _tick: Callable[[], None]) -> ExportPlan:
        """Give up a smart cut where pictures have to be hidden."""
        encodes = self.treatment_of(plan).video is not None
        if plan.cut is not Cut.SMART or encodes or plan.lead_in_ns == 0:
            return plan
        return exact(plan, "the archive or the container is of a form that cannot be spliced")

    def verify(self, path: Path, plan: ExportPlan) -> None:
        verify(path, plan, self.treatment_of(plan))

    def mode(self, plan: ExportPlan) -> str:
        return self.treatment_of(plan).mode

    def notes(self) -> list[str]:
        return [*(self.treatment or COPIED).warnings, *self.came_up]

    def treatment_of(self, plan: ExportPlan) -> Treatment:
        return self.treatment or treat(plan)

    def arguments(
        self, plan: ExportPlan, treatment: Treatment, target: Path, shift_ns: int
    ) -> list[str]:
        options = {
            "f": treatment.muxer,
            "metadata": f"creation_time={plan.begin:%Y-%m-%dT%H:%M:%S.%fZ}",
            **treatment.container.options,
            **picture_options(plan, treatment),
            **sound_options(plan, treatment),
        }
        if treatment.container.edit_lists:
            clock = plan.time_base.denominator if plan.time_base.numerator == 1 else 90_000
            options["movflags"] = "+faststart"
            options["movie_timescale"] = options["video_track_timescale"] = str(clock)
        source = ffmpeg.input("pipe:0", f="nut", itsoffset=f"-{shift_ns // NS}")
        command: list[str] = (
            ffmpeg.output(source, str(target), **options)
            .global_args("-hide_banner", "-loglevel", "warning", "-nostats", "-copyts")
            .global_args("-progress", "pipe:1")
            .compile(cmd=str(self.program), overwrite_output=True)
        )
        return command


def refuse_opened(plan: ExportPlan) -> None:
    """Refuse what only the splice can carry out, instead of losing the pictures made for it."""
    if plan.is_encoded:
        raise EngineFailed("A file whose begin was made anew cannot be made in this way.")


def picture_options(plan: ExportPlan, treatment: Treatment) -> dict[str, str]:
    """Return the output options of the picture; a keyframe every two seconds where encoded."""
    last = plan.duration_ns - int(slice_times(plan.slices[-1])[-1])
    # No file shows a picture for no tick at all.
    lasts = max(Fraction(last, NS), plan.time_base)
    options = {} if treatment.rate else {"bsf:v": lasting(lasts)}
    if treatment.video is None:
        options["c:v"] = "copy"
        if treatment.rate is not None:
            options["r:v"] = str(treatment.rate)
        if treatment.container.edit_lists and plan.video.codec == "hevc":
            options["tag:v"] = SEVERAL_FORMS if plan.configs > 1 else ONE_FORM
        return options
    clock = 1 / treatment.rate if treatment.rate else plan.time_base
    return {
        **options,
        "c:v": treatment.video,
        **QUALITY,
        "force_key_frames": "expr:gte(t,n_forced*2)",
        "fps_mode:v": "passthrough",
        "enc_time_base:v": f"{clock.numerator}/{clock.denominator}",
    }


def lasting(seconds: Fraction) -> str:
    """Return the filter that makes packets last so long.

    No durations come through the pipe. One counts for the last packet alone: all others last up to
    the next, whatever they say.
    """
    return f"setts=pts=PTS:dts=DTS:duration=round({float(seconds):.9f}/TB)"


def sound_options(plan: ExportPlan, treatment: Treatment) -> dict[str, str]:
    """Return the output options of the sound.

    The first packet of an AAC encoder lies before its sound and only an edit list can hide it.
    """
    if plan.audio is None:
        return {}
    if treatment.audio is None:
        packets = {} if plan.audio.codec in LOSSLESS else {"bsf:a": lasting(last_sound(plan))}
        return {"c:a": "copy", **packets}
    if treatment.audio != "aac":
        return {"c:a": treatment.audio}
    first = {} if treatment.container.edit_lists else {"bsf:a": "noise=drop='lt(pts,0)'"}
    return {"c:a": "aac", **SOUND, **first}


def last_sound(plan: ExportPlan) -> Fraction:
    """Return how many seconds the last packet of sound lasts."""
    track, span = next(
        (track, part.audio)
        for part in reversed(plan.slices)
        if len(part.audio) and (track := part.segment.media.audio) is not None
    )
    return int(track.duration[span.stop - 1]) * track.time_base


def report(tick: Tick, plan: ExportPlan, treatment: Treatment) -> Callable[[Progress], None]:
    """Turn what is written into a fraction; the last few percent are checking and publishing.

    Bytes count where they are copied, time where nobody knows how many there will be.
    """
    most = 0.0

    def on_tick(progress: Progress) -> None:
        nonlocal most
        if treatment.video:
            part = progress.media_us * 1000 / max(plan.duration_ns, 1)
        else:
            part = progress.size / max(plan.payload, 1)
        most = max(most, min(1.0, part))
        tick(most)

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


def finish(plan: ExportPlan, treatment: Treatment, target: Path) -> None:
    """Put right in place what ffmpeg cannot be told: where the file ends, and its name."""
    try:
        trim_end(target, shown_length(plan, target))
        if treatment.is_quicktime:
            name_iso(target)
    except (Malformed, OSError) as error:
        raise EngineFailed("The file that was made is damaged.") from error


def shown_length(plan: ExportPlan, target: Path) -> Fraction:
    """Return for how many seconds to show the file: just as many pictures as planned."""
    track = read_index(target).tracks["video"]
    table = track.table
    at = np.sort(table.decoded + table.offset - track.origin)
    at = at[at >= 0]
    ticks = ticks_up(plan.duration_ns, track.timescale)
    return Fraction(bounded_length(ticks, at[: plan.shown], at[plan.shown :]), track.timescale)
