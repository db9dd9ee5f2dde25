"""Segments that touch an interval, and where their files are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cameras.archive.index import (
    OutsideFolder,
    absolute_path,
    covered,
    folder_runs,
    segments_touching,
)
from cameras.timeline import Interval

pytestmark = pytest.mark.django_db

ZERO = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def span(begin: float, end: float) -> Interval:
    return Interval(at(begin), at(end))


@pytest.fixture
def archive(folder, add_segment):
    for begin, end in ((0, 10), (10, 20), (20.4, 30), (60, 70)):
        add_segment(folder, at(begin), at(end))
    folder.stream.refresh_from_db()
    return folder.stream


def test_finds_segments_with_an_instant_inside(archive, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = segments_touching(archive, span(5, 20))
        assert [one.path for one in found] == [
            "20260301T000000.000000Z.mp4",
            "20260301T000010.000000Z.mp4",
        ]


def test_half_open_intervals_do_not_touch_at_their_ends(archive):
    assert segments_touching(archive, span(30, 60)) == []


def test_finds_a_long_segment_that_began_long_before(folder, archive, add_segment):
    long = add_segment(folder, at(-3600), at(3600))
    archive.refresh_from_db()
    assert [one.id for one in segments_touching(archive, span(100, 101))] == [long.pk]


def test_merges_coverage_within_the_tolerance(archive):
    assert covered(archive, span(5, 65)) == [span(5, 30), span(60, 65)]
    assert covered(archive, span(5, 25), timedelta()) == [span(5, 20), span(20.4, 25)]
    assert covered(archive, span(30, 60)) == []


def test_lists_the_runs_of_a_folder(folder, archive):
    assert folder_runs(folder) == [span(0, 30), span(60, 70)]


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "/etc/passwd", ""])
def test_refuses_a_path_that_leads_out(folder, add_segment, path):
    segment = add_segment(folder, at(0), at(1), path=path)
    with pytest.raises(OutsideFolder):
        absolute_path(segment)


def test_refuses_a_link_that_leads_out(folder, add_segment, tmp_path):
    (tmp_path / "secret").write_text("s")
    (Path(folder.path) / "link.mp4").symlink_to(tmp_path / "secret")
    with pytest.raises(OutsideFolder):
        absolute_path(add_segment(folder, at(0), at(1), path="link.mp4"))
