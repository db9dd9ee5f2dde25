"""Intervals of time and what covers them. Pure: no Django, no clock, no files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Interval:
    """The half-open span `[begin, end)` between two aware instants.

    Raises:
        ValueError: an instant has no zone, or `end` is not after `begin`.
    """

    begin: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.begin.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        if self.end <= self.begin:
            raise ValueError("an interval ends after it begins")

    @property
    def duration(self) -> timedelta:
        return self.end - self.begin

    def touches(self, other: Interval) -> bool:
        """Say whether the two share an instant."""
        return self.begin < other.end and other.begin < self.end

    def clip(self, other: Interval) -> Interval | None:
        """Return the part of this interval inside *other*, None when they share nothing."""
        if not self.touches(other):
            return None
        return Interval(max(self.begin, other.begin), min(self.end, other.end))


def merge(covered: Iterable[Interval], tolerance: timedelta = timedelta()) -> list[Interval]:
    """Join intervals that overlap, touch, or lie no more than *tolerance* apart, in order."""
    merged: list[Interval] = []
    for interval in sorted(covered):
        if merged and interval.begin <= merged[-1].end + tolerance:
            merged[-1] = Interval(merged[-1].begin, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def find_gaps(
    wanted: Interval, covered: Iterable[Interval], tolerance: timedelta = timedelta()
) -> list[Interval]:
    """List the parts of *wanted* longer than *tolerance* that no interval of *covered* covers."""
    gaps: list[Interval] = []
    at = wanted.begin
    for interval in merge(covered):
        if interval.end <= at:
            continue
        if interval.begin >= wanted.end:
            break
        if interval.begin > at + tolerance:
            gaps.append(Interval(at, interval.begin))
        at = interval.end
    if wanted.end > at + tolerance:
        gaps.append(Interval(at, wanted.end))
    return gaps
