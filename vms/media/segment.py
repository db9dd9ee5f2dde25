"""What a segment holds: of mp4 files from their boxes alone, of all others packet by packet."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from vms.media.keyframes import without_false_keyframes
from vms.media.mp4.atoms import Malformed
from vms.media.mp4.entries import CODECS, Encrypted, read_entry
from vms.media.mp4.index import FileIndex, IndexLost, TrackIndex, read_index
from vms.media.mp4.summary import fill_durations, hidden_samples
from vms.media.probe import (
    LONGEST_SECONDS,
    Columns,
    MediaFile,
    Track,
    UnreadableMedia,
    read_media,
)


def read_segment(path: Path) -> MediaFile:
    """Read the tracks of *path*; `index` tells where each sample is, if it is an mp4 file.

    Raises:
        UnreadableMedia: as `read_media`, or the tracks are encrypted, or an mp4 file ends before or
            within its index.
    """
    try:
        return media_of(without_false_keyframes(path, read_index(path)))
    except Encrypted as error:
        raise UnreadableMedia("the recording is encrypted") from error
    except IndexLost as error:
        # Its pictures are there, and nothing that tells where; others guess, and guess wrong.
        raise UnreadableMedia("the file was cut short and its index is lost") from error
    except (Malformed, OSError, ValueError, OverflowError):
        # Not an mp4 file, or an odd one: the general way knows more forms, and says what is wrong.
        return read_media(path)


def media_of(index: FileIndex) -> MediaFile:
    """Describe the tracks of an index as the planner sees them.

    Raises:
        Malformed: no whole picture is there, or times are impossible.
    """
    video = index.tracks.get("video")
    if video is None or not video.summary.count:
        raise Malformed("no whole picture")
    audio = sound_of(index)
    entry = read_entry(video.entries[0], "video")
    if entry.codec not in CODECS.values():
        raise Malformed("pictures of an unknown codec")
    return MediaFile(
        format="mp4",
        video=track_of(video),
        audio=audio,
        width=entry.width,
        height=entry.height,
        size=index.size,
        truncated=index.truncated,
        index=index,
    )


def sound_of(index: FileIndex) -> Track | None:
    """Describe the sound; what is encrypted is none, and costs no picture."""
    audio = index.tracks.get("audio")
    if audio is None or not audio.summary.count:
        return None
    try:
        return track_of(audio)
    except Encrypted:
        return None


def track_of(track: TrackIndex) -> Track:
    entry = read_entry(track.entries[0], track.kind)
    limit = LONGEST_SECONDS * track.timescale
    summary = track.summary
    if max(abs(summary.first), abs(summary.begin), abs(summary.latest), abs(summary.end)) > limit:
        raise Malformed("impossible times")
    return Track(
        codec=entry.codec,
        config=entry.config,
        time_base=time_base(track.timescale),
        summary=summary,
        load=partial(columns_of, track),
    )


@lru_cache(maxsize=64)
def time_base(timescale: int) -> Fraction:
    return Fraction(1, timescale)


def columns_of(track: TrackIndex) -> Columns:
    table = track.table
    pts = table.decoded + table.offset - track.origin
    duration = fill_durations(pts, table.duration)
    return Columns(
        pts=pts,
        duration=duration,
        size=table.size.astype(np.int64),
        key=table.sync_flags,
        hidden=hidden_samples(pts, duration, track.length),
    )
