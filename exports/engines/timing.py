"""When the pictures of a plan are shown, and the even steps that come nearest. Pure."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from exports.clock import NS, Nanoseconds
from exports.plan import ExportPlan, Slice, picture_times

# Rates cameras have; others are taken as they are.
USUAL = (
    *(Fraction(rate) for rate in (25, 5, 10, 15, 20, 30, 50, 60)),
    *(Fraction(rate * 1000, 1001) for rate in (15, 30, 60)),
)
ALIKE = 0.002
NEAR_NS = 2_500_000
# For pictures that come unevenly: ticks so fine that each is near its time. The first is best.
FINE = (Fraction(200), Fraction(100), Fraction(50))
# ffmpeg's AVI muxer gives up where more ticks than this have no picture.
LONGEST_HOLD = 59_000


def shown_times(plan: ExportPlan) -> Nanoseconds:
    """Return the output times of all pictures that are shown, rising."""
    return np.concatenate([slice_times(part) for part in plan.slices])


def slice_times(part: Slice) -> Nanoseconds:
    """Return the output times of the pictures a slice shows, rising.

    Its lead-in, and pictures decoded early that begin after its end, are not among them.
    """
    times = np.sort(picture_times(part))
    shown: Nanoseconds = times[(times >= part.at_ns) & (times < part.end_ns)]
    return shown


def steady_rate(times: Nanoseconds) -> Fraction | None:
    """Return the rate, in ticks a second, whose ticks come near enough to every one of *times*.

    That is the rate of the pictures themselves where they come evenly, else a fine one. None when
    a picture is held for longer than ticks can be counted.
    """
    steps = np.diff(times)
    if not len(steps):
        return USUAL[0]
    near = nearest_rate(steps)
    ticks = np.rint(times * float(near) / NS)
    even = moved(times, near) <= NEAR_NS and np.diff(ticks).min() > 0
    longest = int(steps.max())
    rates = ([near] if even else []) + list(FINE)
    return next((rate for rate in rates if longest * rate < LONGEST_HOLD * NS), None)


def nearest_rate(steps: Nanoseconds) -> Fraction:
    """Return the rate most *steps* come at, a usual one if it is near."""
    median = float(np.median(steps))
    alike = steps[np.abs(steps - median) < median / 2]
    rate = NS / (float(alike.mean()) if len(alike) else max(median, 1))
    usual = min(USUAL, key=lambda one: abs(float(one) - rate))
    if abs(float(usual) - rate) <= rate * ALIKE:
        return usual
    return max(Fraction(1), Fraction(rate).limit_denominator(100))


def moved(times: Nanoseconds, rate: Fraction) -> int:
    """Return by how many nanoseconds a picture is moved at most when it lies on a tick."""
    period = NS / float(rate)
    return int(np.abs(np.rint(times / period) * period - times).max())


def ticks_up(ns: int, clock: int) -> int:
    """Return the ticks of a clock that *ns* nanoseconds touch."""
    return -(-ns * clock // NS)


def bounded_length(ticks: int, shown: Nanoseconds, hidden: Nanoseconds) -> int:
    """Return for how many *ticks* to show a file, so that all *shown* begin before and no *hidden*.

    Both are given by the ticks they begin at: the end may lie in the very tick of a picture.
    """
    ticks = max(ticks, int(shown.max(initial=-1)) + 1)
    return min(ticks, int(hidden.min(initial=ticks)))
