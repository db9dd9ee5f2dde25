"""Intervals, coverage and gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.timeline import Interval, find_gaps, merge

ZERO = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def span(begin: float, end: float) -> Interval:
    return Interval(at(begin), at(end))


spans = st.builds(
    lambda begin, length: span(begin, begin + length),
    st.integers(0, 200),
    st.integers(1, 40),
)


def test_merges_what_overlaps_touches_or_lies_within_the_tolerance():
    parts = [span(20, 30), span(0, 10), span(10, 12), span(11, 15), span(30.5, 31)]
    assert merge(parts) == [span(0, 15), span(20, 30), span(30.5, 31)]
    assert merge(parts, timedelta(seconds=0.5)) == [span(0, 15), span(20, 31)]


def test_lists_gaps_at_both_ends_and_between():
    assert find_gaps(span(0, 100), [span(10, 20), span(30, 40)]) == [
        span(0, 10),
        span(20, 30),
        span(40, 100),
    ]


def test_lists_no_gap_within_the_tolerance():
    tolerance = timedelta(seconds=1)
    assert find_gaps(span(0, 10), [span(0.5, 5), span(5.9, 9.1)], tolerance) == []
    assert find_gaps(span(0, 10), [span(0, 5), span(6.1, 10)], tolerance) == [span(5, 6.1)]


def test_lists_the_whole_interval_when_nothing_covers_it():
    assert find_gaps(span(10, 20), []) == [span(10, 20)]
    assert find_gaps(span(10, 20), [span(0, 10), span(20, 30)]) == [span(10, 20)]


def test_clips_to_what_is_shared():
    assert span(0, 10).clip(span(5, 20)) == span(5, 10)
    assert span(0, 10).clip(span(10, 20)) is None


def test_refuses_an_interval_without_length_or_zone():
    with pytest.raises(ValueError, match="ends after"):
        Interval(ZERO, ZERO)
    with pytest.raises(ValueError, match="zone"):
        Interval(datetime(2026, 3, 1), at(1))  # noqa: DTZ001 - that is the point


@given(st.lists(spans, max_size=12))
def test_merged_intervals_are_apart_and_cover_the_same_instants(parts):
    merged = merge(parts)
    assert all(one.end < other.begin for one, other in pairwise(merged))
    assert seconds_in(merged) == seconds_in(parts)


@given(spans, st.lists(spans, max_size=12))
def test_gaps_and_coverage_together_are_the_interval(wanted, parts):
    gaps = find_gaps(wanted, parts)
    covered = [part for part in (one.clip(wanted) for one in parts) if part]
    assert seconds_in(gaps) | seconds_in(covered) == seconds_in([wanted])
    assert not seconds_in(gaps) & seconds_in(covered)
    assert gaps == merge(gaps)


@given(spans, st.lists(spans, max_size=12), st.integers(0, 20))
def test_tolerance_only_leaves_out_short_gaps(wanted, parts, seconds):
    tolerance = timedelta(seconds=seconds)
    expected = [gap for gap in find_gaps(wanted, parts) if gap.duration > tolerance]
    assert find_gaps(wanted, parts, tolerance) == expected


def seconds_in(parts: list[Interval]) -> set[int]:
    """Return the whole seconds after ZERO that *parts* hold."""
    return {
        second
        for part in parts
        for second in range(
            int((part.begin - ZERO).total_seconds()), int((part.end - ZERO).total_seconds())
        )
    }
