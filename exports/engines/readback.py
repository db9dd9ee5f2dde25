"""Compares the tables of a finished mp4 file with its plan, in the memory of one track's tables.

For files whose packets were copied: their number, their bytes, when the first and the last are
presented, and for how long. `exports.engines.verify` looks at every packet besides.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from exports.clock import NS, Nanoseconds, scale, scale_one
from exports.errors import NotVerified
from exports.plan import ExportPlan, Slice, output_times, picture_times
from vms.media.mp4.atoms import Malformed
from vms.media.mp4.index import Summaries, read_summaries
from vms.media.mp4.summary import Summary

# Times are rounded to the clock of the file, ends up to it.
TICKS = 2
# How far a picture may be off.
NEAR_NS = 5_000_000


def verify_tables(path: Path, plan: ExportPlan, added: int = 0) -> None:
    """See that the mp4 file holds what was planned, and *added* bytes of parameter sets.

    Raises:
        NotVerified: it does not; the message gives both figures of the first difference.
    """
    try:
        found = read_summaries(path)
    except (Malformed, OSError) as error:
        raise NotVerified("The file that was made cannot be read back.") from error
    video, audio = found.tracks.get("video"), found.tracks.get("audio")
    if video is None:
        raise NotVerified("The file that was made has no pictures.")
    size = video.bytes + (audio.bytes if audio else 0)
    require("pictures", plan.video_packets, video.count)
    require("pictures shown", plan.shown, video.count - video.hidden)
    require("first picture at", 0, video.begin)
    require("bytes of media", plan.payload + added, size)
    require("sound packets", plan.audio_packets, audio.count if audio else 0)
    # What waits for its begin waits for whole ticks of the movie's clock.
    movie = NS // found.scale + 1
    step = TICKS * NS // found.timescales["video"] + movie
    near("length", plan.duration_ns, round(found.length * NS), step)
    near("last picture at", last_picture(plan.slices[-1]), time(found, "video", video), step)
    if found.shown_at is not None:
        verify_pictures(plan, found.shown_at, Fraction(1, found.timescales["video"]))
    if audio is not None:
        step = TICKS * NS // found.timescales["audio"] + movie
        near("last sound at", last_sound(plan), time(found, "audio", audio), step)


def verify_pictures(plan: ExportPlan, shown_at: Nanoseconds, base: Fraction) -> None:
    """Compare the time of every picture; those of an overlap may be pushed by a moment."""
    planned = np.concatenate([picture_times(part) for part in plan.slices])
    off = np.abs(planned - scale(shown_at, base))
    worst = int(off.argmax())
    if int(off[worst]) > NEAR_NS:
        raise NotVerified(
            f"The file is not as planned: picture {worst + 1} at {planned[worst] / NS:.3f} s, "
            f"found {off[worst] / NS:.3f} s off."
        )


def time(found: Summaries, kind: str, known: Summary) -> int:
    return scale_one(known.latest, Fraction(1, found.timescales[kind]))


def require(what: str, planned: object, found: object) -> None:
    if planned != found:
        raise NotVerified(f"The file is not as planned: {what} {planned}, found {found}.")


def near(what: str, planned: int, found: int, most: int) -> None:
    if abs(planned - found) > most:
        raise NotVerified(
            f"The file is not as planned: {what} {planned / NS:.3f} s, found {found / NS:.3f} s."
        )


def last_picture(part: Slice) -> int:
    """Return when the last picture of a slice begins in the result, hidden or not."""
    return int(picture_times(part).max())


def last_sound(plan: ExportPlan) -> int:
    parts = (part for part in reversed(plan.slices) if len(part.audio))
    part = next(parts)
    track = part.segment.media.audio
    return int(output_times(part, track, part.audio).max()) if track else 0
