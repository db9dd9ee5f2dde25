"""Whole nanoseconds and how ticks, spans and instants become them. Pure."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cameras.timeline import Interval

NS = 1_000_000_000

Nanoseconds = NDArray[np.int64]


def scale(ticks: Nanoseconds, time_base: Fraction) -> Nanoseconds:
    """Turn ticks into nanoseconds, each rounded on its own, without overflow.

    Ticks of a day-long clock at 90 kHz times 1e9 exceed 63 bits, so whole seconds go apart.
    """
    per_second = time_base.denominator
    scaled = ticks * time_base.numerator
    seconds, rest = np.divmod(scaled, per_second)
    nanos: Nanoseconds = seconds * NS + (rest * NS + per_second // 2) // per_second
    return nanos


def scale_one(ticks: int, time_base: Fraction) -> int:
    """Turn one count of ticks into nanoseconds, rounded as `scale` rounds."""
    per_second = time_base.denominator
    return (ticks * time_base.numerator * NS + per_second // 2) // per_second


def nanoseconds(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * NS + span.microseconds * 1000


def between(asked: Interval, begin: int, end: int) -> Interval:
    return Interval(
        asked.begin + timedelta(microseconds=begin / 1000),
        asked.begin + timedelta(microseconds=end / 1000),
    )
