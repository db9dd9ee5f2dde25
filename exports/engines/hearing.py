"""When the sound of a plan or of a file is heard, beside its pictures. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from exports.clock import Nanoseconds, scale
from exports.plan import ExportPlan, output_times


@dataclass(frozen=True)
class Sound:
    """Nanoseconds since the first picture: begin of the first and last packet, end of all."""

    begin: int
    last: int
    end: int


def heard(times: Nanoseconds, ends: Nanoseconds) -> Sound:
    return Sound(int(times.min()), int(times.max()), int(ends.max()))


def planned_sound(plan: ExportPlan) -> Sound:
    """Tell when the sound of a plan is heard; there must be some."""
    parts: list[Sound] = []
    for part in plan.slices:
        track = part.segment.media.audio
        if track is not None and len(part.audio):
            times = output_times(part, track, part.audio)
            lengths = scale(track.duration[part.audio.slice()], track.time_base)
            parts.append(heard(times, times + lengths))
    return Sound(
        min(one.begin for one in parts),
        max(one.last for one in parts),
        max(one.end for one in parts),
    )


def sticks_out(plan: ExportPlan) -> bool:
    """Say whether whole packets of sound make a file longer by more than a picture.

    The first one begins before the pictures, the last one ends after them; of AAC at 8 kHz, each
    is 128 ms long.
    """
    sound = planned_sound(plan)
    excess = max(0, -sound.begin) + max(0, sound.end - plan.duration_ns)
    return excess > plan.duration_ns / max(1, plan.shown)
