"""One archive file to one segment: when it begins and ends, and what it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

from cameras.archive.layout import FileName
from cameras.archive.listing import FoundFile
from cameras.archive.sidecars import sidecar_path
from cameras.models import ArchiveFolder, Segment
from vms.media.kept import read_and_keep
from vms.media.probe import MediaFile, UnreadableMedia

# A name that tells whole seconds is off by up to one; half a second more is left for clocks.
SNAP = timedelta(seconds=1.5)
# How long after its last picture a file may be closed and yet be told apart from a copy of it.
CLOSED_WITHIN = timedelta(minutes=20)
# Longer ones are files whose clock jumps; one would widen every search in its stream's index.
LONGEST = timedelta(hours=24)
# A year from the ends of what a datetime holds: neither a length nor a zone leads past them.
EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def read_segment(
    folder: ArchiveFolder, file: FoundFile, name: FileName, previous_end: datetime | None
) -> tuple[Segment, str]:
    """Make the unsaved segment of *file*, and say in words what of it is damaged, if anything.

    *previous_end*, where the segment before it ends, is given for names that tell only seconds.

    Raises:
        UnreadableMedia: the file is of no use.
    """
    if not EARLIEST < name.begin < LATEST:
        raise UnreadableMedia("its name tells a time that cannot be")
    media = read_and_keep(Path(folder.path) / file.path, sidecar_path(folder.pk, file.path))
    if media.duration > LONGEST.total_seconds():
        raise UnreadableMedia("its pictures are more than a day apart")
    duration = floor_to_microseconds(media.duration)
    if duration <= timedelta():
        raise UnreadableMedia("the file has no length")
    begin = begin_of(told_by(name, file, duration), previous_end)
    segment = Segment(
        stream_id=folder.stream_id,
        folder=folder,
        path=file.path,
        begin=begin,
        end=begin + duration,
        size=file.size,
        mtime_ns=file.mtime_ns,
        video_codec=media.video.codec,
        audio_codec=media.audio.codec if media.audio else "",
        width=media.width,
        height=media.height,
        config=media.config,
    )
    return segment, damage_of(media, duration)


def begin_of(told: datetime, previous_end: datetime | None) -> datetime:
    """Return when a segment begins that is *told* to begin so, after one that ends so.

    Names that tell whole seconds would leave holes and overlaps of up to a second between files
    that follow one another; so it begins where the one before ends as long as the two agree
    within SNAP, and where its name says when they drifted further apart.
    """
    if previous_end is not None and abs(told - previous_end) < SNAP:
        return previous_end
    return told


def is_told_by(name: FileName, begin: datetime) -> bool:
    """Say whether a segment that begins so can have been told by *name*, as it is read now."""
    instants = (name.begin, name.later or name.begin)
    return any(abs(begin - instant) < SNAP for instant in instants)


def told_by(name: FileName, file: FoundFile, duration: timedelta) -> datetime:
    """Return the instant the name tells; of a local time that occurs twice the first.

    It is the second when the file was last written about when a segment of that hour ends.
    """
    if name.later is None:
        return name.begin
    written_at = datetime.fromtimestamp(file.mtime_ns / 10**9, UTC)
    if abs(written_at - (name.later + duration)) <= CLOSED_WITHIN:
        return name.later
    return name.begin


def floor_to_microseconds(seconds: Fraction) -> timedelta:
    return timedelta(microseconds=int(seconds * 10**6))


def damage_of(media: MediaFile, duration: timedelta) -> str:
    if not media.truncated:
        return ""
    return f"damaged after {duration.total_seconds():.1f} s; what is before that is used"
