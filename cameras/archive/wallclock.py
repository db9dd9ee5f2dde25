"""From the seconds of a recording to the wall clock. Pure: no Django, no clock, no files.

A camera's own clock is not trusted, only its pace. The anchor is the instant of the recording's
second zero: the least difference seen between the wall clock and the media that had arrived by
then, because media can arrive late but never early. It stays fixed, so segments that follow one
another touch; when the two clocks have drifted apart, a new anchor is taken.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

DRIFT = timedelta(seconds=0.5)
WINDOW = 25
ROUNDING = timedelta(microseconds=2)


class WallClock:
    """The wall-clock time of one connection's media; *begin* is given when it is known exactly."""

    def __init__(self, begin: datetime | None = None) -> None:
        self.anchor = begin
        self.is_settled = begin is not None
        self.recent: deque[datetime] = deque(maxlen=WINDOW)

    def observe(self, now: datetime, media_seconds: float) -> None:
        """Note that media up to *media_seconds* had arrived by *now*."""
        zero = now - timedelta(seconds=media_seconds)
        self.recent.append(zero)
        if not self.is_settled:
            self.anchor = min(zero, self.anchor or zero)

    def settle(self) -> bool:
        """Hold on to the anchor from now on; True when drift made a new one necessary.

        Called when a segment is closed, before its begin is asked for.
        """
        self.is_settled = True
        if self.anchor is None or len(self.recent) < WINDOW:
            return False
        if abs(min(self.recent) - self.anchor) <= DRIFT:
            return False
        self.anchor = min(self.recent)
        return True

    def instant(self, media_seconds: float) -> datetime:
        """Return when *media_seconds* of the recording was on screen.

        Raises:
            ValueError: nothing was observed yet.
        """
        if self.anchor is None:
            raise ValueError("no media was observed")
        return self.anchor + timedelta(microseconds=round(media_seconds * 1_000_000))


def join(begin: datetime, previous_end: datetime | None) -> datetime:
    """Return *begin*, or *previous_end* where the two differ by no more than rounding."""
    if previous_end is not None and abs(begin - previous_end) <= ROUNDING:
        return previous_end
    return begin
