"""Time without footage: left out, held over or refused, and always told."""

from __future__ import annotations

from fractions import Fraction

import pytest

from exports.errors import HasGaps, NoFootage
from exports.terms import Gaps
from tests.exports.matrix.archive import Archive, instant
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.watch import check_exact, check_sound

pytestmark = pytest.mark.ffmpeg

LENGTH = 34
PAUSE = 300
FIRST, ALL = Fraction("3.4"), Fraction("10.2")
BEGIN, END = Fraction("1.3"), Fraction("9.7") + PAUSE


@pytest.fixture(params=["plain", "B-frames, fragmented"])
def archive(request, tmp_path):
    """Ten seconds of footage with a pause of five minutes after the first segment of three."""
    plain = request.param == "plain"
    source = reel(Camera(gop=17, bframes=0 if plain else 2), 12)
    archive = Archive(tmp_path)
    for first in range(0, 3 * LENGTH, LENGTH):
        later = PAUSE if first else 0
        archive.record(source, first, first + LENGTH, "mp4" if plain else "fmp4", later)
    return archive


@pytest.mark.parametrize("policy", [Gaps.COLLAPSE, Gaps.KEEP])
def test_leaves_five_minutes_out_or_holds_the_picture(engine, policy, archive, target):
    plan = archive.export(engine, BEGIN, END, target, gaps=policy)

    check_exact(archive, target, BEGIN, END, policy)
    check_sound(target, archive.wanted(BEGIN, END), policy)
    assert [(gap.begin, gap.end) for gap in plan.gaps] == [(instant(FIRST), instant(FIRST + PAUSE))]


def test_refuses_gaps_when_asked_to(archive):
    with pytest.raises(HasGaps, match="2026-03-14 09:26:03"):
        archive.plan(BEGIN, END, gaps=Gaps.FAIL)


def test_makes_what_has_no_gap_when_gaps_are_refused(engine, archive, target):
    begin, end = FIRST + PAUSE + Fraction("0.5"), END
    archive.export(engine, begin, end, target, gaps=Gaps.FAIL)

    check_exact(archive, target, begin, end)


@pytest.mark.parametrize("policy", [Gaps.COLLAPSE, Gaps.KEEP])
def test_reports_time_before_and_after_and_leaves_it_out(engine, policy, archive, target):
    begin, end = Fraction(60), Fraction(20) + PAUSE
    plan = archive.export(engine, begin, end, target, gaps=policy)

    check_exact(archive, target, begin, end, policy)
    assert [(gap.begin, gap.end) for gap in plan.gaps] == [
        (instant(begin), instant(FIRST + PAUSE)),
        (instant(ALL + PAUSE), instant(end)),
    ]


def test_says_so_when_there_is_nothing_at_all(archive):
    with pytest.raises(NoFootage):
        archive.plan(Fraction(100), Fraction(200))


@pytest.mark.parametrize("pause", [1, 2, 3, 4])
def test_holds_a_picture_over_what_is_no_gap(engine, pause, tmp_path, target):
    """Up to 0.2 s between the segments of a camera that restarts; more is a gap."""
    source = reel(Camera(gop=1), 6)
    archive = Archive(tmp_path)
    archive.record(source, 0, 20)
    archive.record(source, 20 + pause, 50)
    begin, end = Fraction("0.5"), Fraction("4.5")
    plan = archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)
    assert bool(plan.gaps) == (pause > 2)
