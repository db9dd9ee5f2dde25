"""What a segment holds: of mp4 files from their boxes alone, of all others packet by packet."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from vms.media.mp4.atoms import Malformed
from vms.media.mp4.entries import Encrypted, read_entry
from vms.media.mp4.index import FileIndex, TrackIndex, read_index
from vms.media.probe import (
    LONGEST_SECONDS,
    MediaFile,
    Track,
    UnreadableMedia,
    fill_durations,
    read_media,
)


def read_segment(path: Path) -> MediaFile:
    """Read the tracks of *path*; `index` tells where each sample is, if it is an mp4 file.

    Raises:
        UnreadableMedia: as `read_media`, or the tracks are encrypted.
    """
    try:
        index = read_index(path)
        return media_of(index)
    except Encrypted as error:
        raise UnreadableMedia("the recording is encrypted") from error
    except (Malformed, OSError, ValueError, OverflowError):
        # Not an mp4 file, or an odd one: the general way knows more forms, and says what is wrong.
        return read_media(path)


def media_of(index: FileIndex) -> MediaFile:
    """Describe the tracks of an index as the planner sees them.

    Raises:
        Malformed: no whole picture is there, or times are impossible.
    """
    video = index.tracks.get("video")
    if video is None or not len(video.samples):
        raise Malformed("no whole picture")
    audio = index.tracks.get("audio")
    entry = read_entry(video.entries[0], "video")
    return MediaFile(
        format="mp4",
        video=track_of(video),
        audio=track_of(audio) if audio is not None and len(audio.samples) else None,
        width=entry.width,
        height=entry.height,
        size=index.size,
        truncated=index.truncated,
        index=index,
    )


def track_of(track: TrackIndex) -> Track:
    entry = read_entry(track.entries[0], track.kind)
    pts = track.shown_at
    limit = LONGEST_SECONDS * track.timescale
    if int(np.abs(pts).max()) > limit or int(track.samples.duration.max()) > limit:
        raise Malformed("impossible times")
    return Track(
        codec=entry.codec,
        config=entry.config,
        time_base=Fraction(1, track.timescale),
        pts=pts,
        duration=fill_durations(pts, track.samples.duration.astype(np.int64)),
        size=track.samples.size.astype(np.int64),
        key=track.samples.sync,
        hidden=track.hidden,
    )
