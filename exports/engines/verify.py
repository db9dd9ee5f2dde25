"""Compares a finished file with its plan. An engine's good word proves nothing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from exports.clock import NS, scale
from exports.engines.hearing import Sound, heard, planned_sound
from exports.engines.timing import FINE, moved, shown_times
from exports.engines.treatment import COPIED, LOSSLESS, Treatment
from exports.errors import NotVerified
from exports.plan import ExportPlan
from vms.media.mp4.atoms import Malformed
from vms.media.mp4.edits import shown_duration
from vms.media.opening import open_recording
from vms.media.probe import MediaFile, Track, UnreadableMedia, read_container
from vms.media.segment import read_segment

# libavformat's AVFMT_FLAG_GENPTS, which PyAV sets.
GEN_PTS = 1
# A player may round the length of the last picture to its own clock.
LENGTH_TOLERANCE = Fraction(1, 1000)
# What rounding on the way adds to a container's own step.
ROUNDING_NS = 100_000
# How far sound may be off its picture.
SYNC_NS = 5_000_000
# An encoder's last packet may be that much longer than the sound in it.
PACKET_NS = NS // 8


def verify(path: Path, plan: ExportPlan, treatment: Treatment = COPIED) -> None:
    """See that the file holds exactly what was planned.

    Raises:
        NotVerified: it does not; the message gives both figures of the first difference.
    """
    try:
        media = read_back(path, treatment)
        length = shown_duration(path) if treatment.container.edit_lists else None
    except (UnreadableMedia, Malformed, av.FFmpegError, OSError, ValueError) as error:
        raise NotVerified("The file that was made cannot be read back.") from error
    require("pictures", plan.shown if treatment.video else plan.video_packets, media.video)
    shown = plan.shown, int(media.video.shown.sum())
    refuse_unless(shown[0] == shown[1], "pictures shown", *shown)
    if treatment.audio is None:
        verify_sound_amount(plan, media.audio)
    if treatment.video is None:
        verify_forms(plan, media)
    if length is not None:
        verify_edits(plan, treatment, media, length)
    verify_times(plan, treatment, media)


def read_back(path: Path, treatment: Treatment) -> MediaFile:
    """Read the tracks of a file that was made.

    AVI and ASF hold times of decoding alone. These are the times to go by: what PyAV makes up for
    the others lies one picture late.
    """
    if treatment.container.edit_lists:
        return read_segment(path)
    with open_recording(path) as container:
        container.flags &= ~GEN_PTS
        return read_container(container, path.stat().st_size)


def require(what: str, planned: int, track: Track | None) -> None:
    found = len(track.pts) if track else 0
    refuse_unless(planned == found, what, planned, found)


def verify_sound_amount(plan: ExportPlan, track: Track | None) -> None:
    """Compare packets; of G.711 bytes, which every container parts in its own way."""
    if plan.audio is None or plan.audio.codec not in LOSSLESS:
        require("sound packets", plan.audio_packets, track)
        return
    found = int(track.size.sum()) if track else 0
    refuse_unless(sound_bytes(plan) == found, "bytes of sound", sound_bytes(plan), found)


def sound_bytes(plan: ExportPlan) -> int:
    return sum(
        int(part.segment.media.audio.size[part.audio.slice()].sum())
        for part in plan.slices
        if part.segment.media.audio is not None
    )


def refuse_unless(is_right: bool, what: str, planned: object, found: object) -> None:  # noqa: FBT001 - the condition is the subject
    if not is_right:
        raise NotVerified(f"The file is not as planned: {what} {planned}, found {found}.")


def verify_edits(
    plan: ExportPlan, treatment: Treatment, media: MediaFile, length: Fraction
) -> None:
    """Check what edit lists make exact: the first picture and the length; and the bytes."""
    refuse_unless(media.video.begin == 0, "first picture at", 0, media.video.begin)
    if treatment.video is treatment.audio is None:
        planned, found = payloads(plan, media)
        refuse_unless(planned == found, "bytes of media", planned, found)
    if abs(length - Fraction(plan.duration_ns, NS)) > LENGTH_TOLERANCE:
        raise NotVerified(
            f"The file is not as planned: {plan.duration_ns / NS:.3f} s long, "
            f"found {float(length):.3f} s."
        )


def verify_forms(plan: ExportPlan, media: MediaFile) -> None:
    """See that pictures that change their form midway are decoded as what they are.

    Under `hvc1` decoders take parameter sets from sample entries alone (ISO/IEC 14496-15, 8.3.3.1).
    """
    entries = media.index.tracks["video"].entries if media.index else ()
    if any(entry[4:8] == b"hvc1" for entry in entries):
        refuse_unless(len(entries) >= plan.configs, "forms of picture", plan.configs, len(entries))


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


def verify_times(plan: ExportPlan, treatment: Treatment, media: MediaFile) -> None:
    """Compare the time of every picture, and where sound begins and ends.

    Times count from the first picture: where they begin in the file is the container's affair.
    """
    shown = media.video.pts[media.video.shown]
    pictures = np.sort(scale(shown, media.video.time_base))
    begin = int(pictures[0])
    planned = shown_times(plan)
    refuse_unless(len(planned) == len(pictures), "pictures shown", len(planned), len(pictures))
    off = np.abs(pictures - begin - planned)
    worst = int(off.argmax())
    refuse_unless(
        int(off[worst]) <= tolerance(plan, treatment),
        f"picture {worst + 1}",
        "in its place",
        f"it {off[worst] / 1e6:.1f} ms off",
    )
    if plan.audio is not None and media.audio is not None:
        verify_sound(plan, treatment, media.audio, begin)


def tolerance(plan: ExportPlan, treatment: Treatment) -> int:
    """Return by how many nanoseconds a picture may be off: its own rounding and the first one's."""
    rate = treatment.rate
    if rate is None:
        return round((treatment.container.tick or plan.time_base) * NS) + ROUNDING_NS
    # Two pictures that fall on one fine tick are put on two.
    spare = round(NS / rate) if rate in FINE else 0
    return 2 * moved(shown_times(plan), rate) + spare + ROUNDING_NS


def verify_sound(plan: ExportPlan, treatment: Treatment, track: Track, begin: int) -> None:
    """Compare where sound begins and ends.

    If encoded anew, silence fills what lies before and between, and it ends where the pictures do;
    the encoder's own lead-in is hidden by an edit list.
    """
    verify_heard(plan, track)
    planned, found = planned_sound(plan), found_sound(track, begin)
    first, last, end = planned.begin, planned.last, planned.end
    if treatment.audio is not None:
        verify_unbroken(track)
        end = min(end, plan.duration_ns)
        begins = max(0, found.begin) if treatment.container.edit_lists else found.begin
        checks = [("begins", 0, begins, SYNC_NS), ("ends", end, found.end, PACKET_NS)]
    elif track.codec in LOSSLESS:
        checks = [("begins", first, found.begin, SYNC_NS), ("ends", end, found.end, SYNC_NS)]
    else:
        # Where the last packet ends is the muxer's guess.
        checks = [("begins", first, found.begin, SYNC_NS), ("stops", last, found.last, SYNC_NS)]
    for what, wanted, seen, most in checks:
        refuse_unless(
            abs(wanted - seen) <= most,
            f"sound {what} at",
            f"{wanted / NS:.3f} s",
            f"{seen / NS:.3f} s",
        )


def verify_heard(plan: ExportPlan, track: Track) -> None:
    """See that no edit list hides sound that lies within the pictures."""
    times = scale(track.pts, track.time_base)[track.hidden]
    within = times[(times >= 0) & (times < plan.duration_ns - SYNC_NS)]
    refuse_unless(not len(within), "packets of sound hidden", 0, len(within))


def verify_unbroken(track: Track) -> None:
    """See that sound that was laid out anew has no packet missing between two others."""
    times = scale(track.pts, track.time_base)
    ends = times + scale(track.duration, track.time_base)
    breaks = np.abs(times[1:] - ends[:-1])
    longest = int(breaks.max()) if len(breaks) else 0
    refuse_unless(longest <= SYNC_NS, "sound", "unbroken", f"{longest / 1e6:.0f} ms missing")


def found_sound(track: Track, begin: int) -> Sound:
    times = scale(track.pts, track.time_base) - begin
    return heard(times, times + scale(track.duration, track.time_base))
