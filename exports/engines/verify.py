"""Compares a finished file with its plan. An engine's good word proves nothing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from exports.clock import NS
from exports.errors import NotVerified
from exports.plan import ExportPlan
from vms.media.mp4.boxes import MalformedBox
from vms.media.mp4.edits import shown_duration
from vms.media.probe import MediaFile, UnreadableMedia
from vms.media.segment import read_segment

# A player may round the length of the last picture to its own clock.
LENGTH_TOLERANCE = Fraction(1, 1000)


def verify(path: Path, plan: ExportPlan) -> None:
    """See that the file holds exactly what was planned.

    Raises:
        NotVerified: it does not; the message gives both figures of the first difference.
    """
    try:
        media = read_segment(path)
        length = shown_duration(path)
    except (UnreadableMedia, MalformedBox, OSError) as error:
        raise NotVerified("The file that was made cannot be read back.") from error
    checks: list[tuple[str, object, object]] = [
        ("pictures", plan.video_packets, len(media.video.pts)),
        ("pictures shown", plan.shown, int(media.video.shown.sum())),
        ("sound packets", plan.audio_packets, len(media.audio.pts) if media.audio else 0),
        ("first picture at", 0, media.video.begin),
        ("bytes of media", *payloads(plan, media)),
    ]
    for what, planned, found in checks:
        if planned != found:
            raise NotVerified(f"The file is not as planned: {what} {planned}, found {found}.")
    if abs(length - Fraction(plan.duration_ns, NS)) > LENGTH_TOLERANCE:
        raise NotVerified(
            f"The file is not as planned: {plan.duration_ns / NS:.3f} s long, "
            f"found {float(length):.3f} s."
        )


def payloads(plan: ExportPlan, media: MediaFile) -> tuple[int, int]:
    """Return planned and found bytes; the same where packets are wrapped anew on their way.

    That is when parameter sets go in band, and out of transport streams, whose packets carry
    start codes and headers that mp4 has no use for.
    """
    found = int(media.video.size.sum()) + (int(media.audio.size.sum()) if media.audio else 0)
    formats = {part.segment.media.format for part in plan.slices}
    if plan.configs > 1 or any("mp4" not in name for name in formats):
        return found, found
    return plan.payload, found
