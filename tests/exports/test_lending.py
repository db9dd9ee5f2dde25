"""Segments that begin within a group of pictures, and what is taken of those before them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from exports.engines.splice import Unspliceable, splice
from exports.plan import make_plan
from exports.terms import Cut, Gaps
from tests.exports.joined import check_file, plan_of, seconds
from tests.exports.joins import ZERO, Recording, make
from vms.media.keyframes import Leading


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return tmp_path_factory.mktemp("joined") / "export.mp4"


@pytest.mark.parametrize("policy", [Gaps.COLLAPSE, Gaps.KEEP])
@pytest.mark.parametrize("gap", [0, 150_000])
def test_shows_pictures_that_lead_in_where_the_segment_before_goes_on(target, gap, policy):
    made = make([Recording(), Recording(order="late", leading=2, gap=gap), Recording()])
    plan = plan_of(made, seconds(0, 7), gaps=policy)

    assert [(len(part.video), part.skipped) for part in plan.slices] == [(50, ())] * 3
    assert plan.warnings == ()
    check_file(plan, made, target)


@pytest.mark.parametrize("other", [{"gap": 1_000_000}, {"gap": -300_000}, {"widths": (320,)}])
def test_leaves_pictures_that_lead_in_from_nothing_to_another_engine(other):
    made = make([Recording(), Recording(order="late", leading=2, **other), Recording()])
    plan = plan_of(made, seconds(0, 7))

    assert [part.hides for part in plan.slices] == [False, True, False]
    assert plan.shown == sum(part.video_packets for part in plan.slices) - 2
    assert "2 pictures need the one before, left out" in plan.warnings[-1]
    with pytest.raises(Unspliceable):
        splice(plan)


def test_skips_pictures_that_lead_in_from_nothing_at_the_begin(target):
    made = make([Recording(order="late", leading=2), Recording()])
    plan = plan_of(made, seconds(0, 4))

    assert [part.skipped for part in plan.slices] == [(1, 2), ()]
    assert (plan.shown, plan.lead_in_ns) == (98, 0)
    assert "2 pictures need the one before, left out" in plan.warnings[-1]
    check_file(plan, made, target)


def test_shows_pictures_that_lead_in_to_a_closed_group(target):
    made = make([Recording(), Recording(order="late", leading=2, gap=1_000_000)])
    closed = [replace(one.segment, leading=Leading.CLOSED) for one in made.values()]
    plan = make_plan(seconds(0, 6), closed)

    assert (plan.slices[1].skipped, plan.shown, plan.warnings) == ((), 100, ())
    check_file(plan, made, target)


def test_leaves_what_a_segment_hides_midway_to_another_engine():
    made = make([Recording(), Recording(hidden=3, gap=1_000_000), Recording()])
    plan = plan_of(made, seconds(0, 7))

    assert [part.hides for part in plan.slices] == [False, True, False]
    assert plan.shown == 147
    with pytest.raises(Unspliceable):
        splice(plan)


def test_takes_the_pictures_of_a_group_begun_before_the_interval(target):
    made = make([Recording(group=250)] + [Recording(group=250, first_key=1)] * 3)
    plan = plan_of(made, seconds(4.5, 7))

    assert [len(part.video) for part in plan.slices] == [50, 50, 50, 25]
    assert (plan.shown, plan.warnings, plan.gaps) == (63, (), ())
    assert plan.begin == ZERO + timedelta(seconds=4.48)
    check_file(plan, made, target)


def test_begins_with_the_keyframe_in_a_segment_before_the_interval(target):
    made = make([Recording(group=250)] + [Recording(group=250, first_key=1)] * 3)
    plan = plan_of(made, seconds(4.5, 7), cut=Cut.KEYFRAME)

    assert (plan.begin, plan.shown, plan.lead_in_ns) == (ZERO, 175, 0)
    check_file(plan, made, target)


def test_takes_no_pictures_of_a_segment_that_does_not_reach_the_interval(target):
    made = make([Recording(), Recording(first_key=1, gap=1_000_000)])
    plan = plan_of(made, seconds(3.1, 5))

    assert [(part.segment.id, part.video.first) for part in plan.slices] == [(1, 12)]
    assert "12 pictures before its first keyframe" in plan.warnings[-1]
    check_file(plan, made, target)


@pytest.mark.parametrize("cut", [Cut.EXACT, Cut.KEYFRAME])
def test_takes_the_first_sound_from_the_segment_before(target, cut):
    made = make([Recording(lag=-0.02), Recording(delay=0.015)])
    plan = plan_of(made, seconds(2, 4), cut=cut)

    assert [(len(part.video), len(part.audio)) for part in plan.slices] == [(0, 1), (50, 100)]
    assert (plan.shown, plan.lead_in_ns) == (50, 0)
    check_file(plan, made, target)


def test_takes_the_first_sound_from_before_a_keyframe_that_lies_before_the_interval(target):
    made = make(
        [
            Recording(group=250, lag=-0.02),
            Recording(group=250, delay=0.015),
            Recording(group=250, first_key=1),
        ]
    )
    plan = plan_of(made, seconds(4.5, 6), cut=Cut.KEYFRAME)

    assert [(len(part.video), len(part.audio)) for part in plan.slices[:2]] == [(0, 1), (50, 100)]
    assert (plan.shown, plan.lead_in_ns) == (100, 0)
    check_file(plan, made, target)
