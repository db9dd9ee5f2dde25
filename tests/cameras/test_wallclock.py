"""From the seconds of a recording to the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cameras.archive.wallclock import WINDOW, WallClock, join

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_its_zero_is_the_least_delay_seen():
    clock = WallClock()
    for media, delay in ((0.1, 3.0), (2.0, 1.2), (3.0, 0.25), (3.2, 0.9)):
        clock.observe(NOON + seconds(media + delay), media)
    clock.settle()

    assert clock.instant(0) == NOON + seconds(0.25)
    assert clock.instant(3.0) == NOON + seconds(3.25)


def test_stays_fixed_once_a_segment_is_closed():
    clock = WallClock()
    clock.observe(NOON + seconds(1.3), 1)
    assert not clock.settle()
    for step in range(2 * WINDOW):
        clock.observe(NOON + seconds(step + 0.1), step)

    assert not clock.settle()
    assert clock.instant(0) == NOON + seconds(0.3)


def test_keeps_a_begin_that_is_known():
    clock = WallClock(NOON)
    clock.observe(NOON + seconds(1), 1.2)

    assert clock.instant(2.5) == NOON + seconds(2.5)


@pytest.mark.parametrize("jump", [0.6, -0.6, 3600])
def test_takes_the_wall_clock_anew_after_drift(jump):
    clock = WallClock(NOON)
    for step in range(WINDOW):
        clock.observe(NOON + seconds(step + jump), step)

    assert clock.settle()
    assert clock.instant(0) == NOON + seconds(jump)
    assert not clock.settle()


def test_a_delay_that_passes_is_not_drift():
    clock = WallClock(NOON)
    for step in range(WINDOW - 1):
        clock.observe(NOON + seconds(step + 5), step)
    clock.observe(NOON + seconds(100.1), 100)

    assert not clock.settle()


def test_refuses_to_guess():
    with pytest.raises(ValueError, match="no media"):
        WallClock().instant(1)


def test_joins_what_differs_only_by_rounding():
    later = NOON + timedelta(microseconds=2)

    assert join(later, NOON) == NOON
    assert join(later + timedelta(microseconds=1), NOON) == later + timedelta(microseconds=1)
    assert join(NOON, None) == NOON
