"""Segments as the planner sees them, made from figures instead of files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np

from exports.cutting import SegmentMedia
from vms.media.probe import Columns, MediaFile, Track

ZERO = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def video(
    frames, *, fps=10, gop=10, codec="h264", config="v", start=0, clock=90_000, reorder=0, keys=None
):
    """Make a track of *frames* pictures; *reorder* swaps neighbours as B-frames do."""
    key = np.zeros(frames, dtype=np.bool_)
    key[keys or slice(None, None, gop)] = True
    step = clock // fps
    pts = start + step * np.arange(frames, dtype=np.int64)
    if reorder:
        for first in range(0, frames - 1, gop):
            # Decode order I P B: the picture after next is decoded first.
            for index in range(first + 1, min(first + gop, frames) - 1, 2):
                pts[index], pts[index + 1] = pts[index + 1], pts[index]
    return Track.of_packets(
        codec,
        config,
        Fraction(1, clock),
        Columns(
            pts=pts,
            duration=np.full(frames, step, dtype=np.int64),
            size=np.full(frames, 1000, dtype=np.int64),
            key=key,
            hidden=np.zeros(frames, dtype=np.bool_),
        ),
    )


def sound(packets, *, start=0, config="a", clock=16_000, length=1024):
    return Track.of_packets(
        "aac",
        config,
        Fraction(1, clock),
        Columns(
            pts=start + length * np.arange(packets, dtype=np.int64),
            duration=np.full(packets, length, dtype=np.int64),
            size=np.full(packets, 100, dtype=np.int64),
            key=np.ones(packets, dtype=np.bool_),
            hidden=np.zeros(packets, dtype=np.bool_),
        ),
    )


def segment(number, begin, track=None, audio=None):
    """Make the segment that begins *begin* seconds after ZERO."""
    track = video(100) if track is None else track
    media = MediaFile(
        format="mov,mp4",
        video=track,
        audio=audio,
        width=160,
        height=90,
        size=1,
        truncated=False,
    )
    return SegmentMedia(number, at(begin), media)
