"""Whether what was sampled grows. Pure.

Of a run four quarters are looked at: in the first everything warms up, and the median of the last
must be within GROWTH of that of the second. What is small may differ by SLACK of its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

GROWTH = 0.10
MIB = 2**20
SLACK = {"memory": 4 * MIB, "handles": 4, "threads": 2}
# Parts that live for one job: their number is bounded, what each takes ends with it.
SHORT_LIVED = ("renderer", "exports worker: child: ffmpeg", "web: ffmpeg", "other")

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Trend:
    """The medians of the second and the last quarter, the highest, and the slope of the half.

    `per_hour` is the slope of a straight line through the second half.
    """

    second: float
    last: float
    most: float
    per_hour: float

    def grows(self, slack: float) -> bool:
        return self.last - self.second > max(slack, GROWTH * self.second)


@dataclass(frozen=True)
class Claim:
    """One line of the verdict: what was to hold, what was found."""

    what: str
    found: str
    holds: bool


def trend(points: Points) -> Trend:
    """Look at one series of (seconds, value)."""
    begin, end = points[0][0], points[-1][0]
    quarter = (end - begin) / 4
    second = [value for at, value in points if begin + quarter <= at < begin + 2 * quarter]
    last = [value for at, value in points if at >= begin + 3 * quarter]
    half = [(at, value) for at, value in points if at >= begin + 2 * quarter]
    return Trend(
        median(second), median(last), max(value for _, value in points), 3600 * slope(half)
    )


def slope(points: Points) -> float:
    """Fit a straight line by least squares; returns its rise a second."""
    middle = fmean(at for at, _ in points)
    level = fmean(value for _, value in points)
    spread = sum((at - middle) ** 2 for at, _ in points)
    if not spread:
        return 0.0
    return sum((at - middle) * (value - level) for at, value in points) / spread


def shown(kind: str, value: float) -> str:
    return f"{value / MIB:,.1f} MiB" if kind == "memory" else f"{value:,.0f}"
