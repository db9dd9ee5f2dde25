from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.timeline import Interval
from exports.clock import NS
from exports.errors import CodecChanged, HasGaps, NoFootage
from exports.plan import make_plan, output_times
from exports.terms import Cut, Gaps
from tests.exports.media import at, segment, sound, video


def plan_of(begin, end, segments, **options):
    return make_plan(Interval(at(begin), at(end)), segments, **options)


def shown_times(plan):
    """Wall times, in milliseconds, of every picture a player shows."""
    shown = []
    for part in plan.slices:
        times = output_times(part, part.segment.media.video, part.video)
        last = part is plan.slices[-1]
        for time in sorted(times):
            if time >= 0 and not (last and time >= plan.duration_ns):
                wall = part.segment.begin + timedelta(
                    microseconds=round((time - part.offset_ns) / 1000)
                )
                shown.append(round((wall - at(0)) / timedelta(milliseconds=1)))
    return shown


def test_shows_the_picture_on_screen_at_the_begin_and_none_after_the_end():
    plan = plan_of(2.37, 4.72, [segment(1, 0)])

    assert shown_times(plan) == list(range(2300, 4800, 100))
    assert plan.begin == at(2.3)
    assert plan.end == at(4.72)
    assert plan.shown == 25
    assert plan.duration == timedelta(seconds=2.42)


def test_hides_the_pictures_back_to_the_keyframe():
    plan = plan_of(2.37, 4.72, [segment(1, 0)])

    assert plan.slices[0].video.first == 20
    assert plan.lead_in_ns == NS * 3 // 10


def test_begins_without_lead_in_on_a_keyframe():
    assert plan_of(2, 4, [segment(1, 0)]).lead_in_ns == 0


def test_begins_at_the_keyframe_when_asked_to():
    plan = plan_of(2.37, 4.72, [segment(1, 0)], cut=Cut.KEYFRAME)

    assert plan.begin == at(2)
    assert plan.lead_in_ns == 0
    assert plan.shown == 28


def test_excludes_a_picture_that_begins_at_the_end():
    assert shown_times(plan_of(2, 2.5, [segment(1, 0)])) == [2000, 2100, 2200, 2300, 2400]


def test_makes_a_file_of_a_single_picture():
    assert shown_times(plan_of(2.31, 2.32, [segment(1, 0)])) == [2300]


def test_joins_segments_without_a_seam():
    plan = plan_of(8, 22, [segment(number, 10 * number) for number in range(3)])

    assert shown_times(plan) == list(range(8000, 22000, 100))
    assert plan.gaps == ()


def test_keeps_pictures_needed_to_decode_the_last_one():
    plan = plan_of(1, 2.25, [segment(1, 0, video(100, reorder=1))])

    assert shown_times(plan) == list(range(1000, 2300, 100))
    assert plan.slices[0].video.stop == 23  # its forward reference is in, and hidden
    assert plan.shown == 13


@pytest.mark.parametrize(
    ("policy", "duration", "last"),
    [(Gaps.COLLAPSE, 10, 9_900), (Gaps.KEEP, 310, 309_900)],
    ids=["collapse", "keep"],
)
def test_reports_a_gap_and_treats_it_as_asked(policy, duration, last):
    plan = plan_of(5, 315, [segment(1, 0), segment(2, 310)], gaps=policy)

    assert plan.gaps == (Interval(at(10), at(310)),)
    assert plan.duration == timedelta(seconds=duration)
    assert plan.shown == 100
    part = plan.slices[-1]
    times = output_times(part, part.segment.media.video, part.video)
    assert times.max() == last * NS // 1000


def test_refuses_gaps_when_asked_to():
    with pytest.raises(HasGaps, match="2026-01-01 00:00:10"):
        plan_of(5, 315, [segment(1, 0), segment(2, 310)], gaps=Gaps.FAIL)


def test_reports_what_is_missing_at_both_ends():
    plan = plan_of(-5, 15, [segment(1, 0)])

    assert plan.gaps == (Interval(at(-5), at(0)), Interval(at(10), at(15)))
    assert plan.begin == at(0)
    assert plan.duration == timedelta(seconds=10)


def test_holds_the_last_picture_over_a_moment_without_losing_time():
    plan = plan_of(8, 12, [segment(1, 0), segment(2, 10.15)])

    assert plan.gaps == ()
    assert plan.duration == timedelta(seconds=4)


def test_shows_the_held_picture_when_the_begin_lies_in_such_a_moment():
    plan = plan_of(10.1, 12, [segment(1, 0), segment(2, 10.15)])

    assert shown_times(plan)[:2] == [9900, 10150]


def test_shows_an_overlap_once():
    plan = plan_of(8, 14, [segment(1, 0), segment(2, 9)])

    assert shown_times(plan) == list(range(8000, 14000, 100))


def test_leaves_out_a_duplicate():
    plan = plan_of(1, 4, [segment(1, 0), segment(2, 0), segment(3, 2, video(10))])

    assert shown_times(plan) == list(range(1000, 4000, 100))
    assert len(plan.slices) == 1


def test_refuses_a_change_of_codec_and_says_when():
    with pytest.raises(CodecChanged, match="00:00:10"):
        plan_of(5, 15, [segment(1, 0), segment(2, 10, video(100, codec="hevc"))])


def test_counts_configurations():
    tracks = [video(100, config="a"), video(100, config="b"), video(100, config="a")]

    plan = plan_of(5, 25, [segment(i, 10 * i, track) for i, track in enumerate(tracks)])

    assert plan.configs == 2


@pytest.mark.parametrize("begin", [-20, 10.1, 30])
def test_refuses_an_interval_without_footage(begin):
    with pytest.raises(NoFootage):
        plan_of(begin, begin + 5, [segment(1, 0)])


def test_starts_at_the_first_keyframe_of_a_segment_that_begins_without_one():
    plan = plan_of(0, 10, [segment(1, 0, video(100, keys=slice(10, None, 10)))])

    assert plan.begin == at(1)
    assert "10 pictures before its first keyframe" in plan.warnings[0]


def test_says_what_was_skipped():
    plan = plan_of(0, 5, [segment(1, 0)], skipped=["segment of noon: the file is empty, left out"])

    assert plan.warnings == ("segment of noon: the file is empty, left out",)


def sound_ends(plan):
    """Output seconds of the begin and end of each slice's sound."""
    ends = []
    for part in plan.slices:
        track = part.segment.media.audio
        times = output_times(part, track, part.audio) / NS
        ends.append((times[0], times[-1] + 0.064))
    return ends


def test_takes_the_sound_that_is_heard_at_the_begin():
    plan = plan_of(2.37, 4.72, [segment(1, 0, audio=sound(157))])

    ((begin, end),) = sound_ends(plan)
    assert -0.064 < begin <= 0
    assert 2.42 <= end < 2.42 + 0.064


@pytest.mark.parametrize("late", [-1280, 0, 1280], ids=["early", "together", "late"])
def test_lets_sound_run_on_between_segments(late):
    plan = plan_of(
        5,
        25,
        [segment(i, 10 * i, audio=sound(156, start=late)) for i in range(3)],
    )

    ends = sound_ends(plan)
    for (_, end), (begin, _) in pairwise(ends):
        assert begin - end == pytest.approx(0.016, abs=1e-6)  # 156 packets are 9.984 s


def test_leaves_out_sound_of_another_format():
    tracks = [sound(156), sound(156, config="b")]
    plan = plan_of(5, 15, [segment(i, 10 * i, audio=track) for i, track in enumerate(tracks)])

    assert [len(part.audio) > 0 for part in plan.slices] == [True, False]
    assert "another format" in plan.warnings[0]


@given(
    begin=st.integers(0, 60_000),
    length=st.integers(1, 30_000),
    present=st.lists(st.booleans(), min_size=8, max_size=8),
    reorder=st.integers(0, 1),
)
def test_delivers_exactly_the_pictures_recorded_in_the_interval(begin, length, present, reorder):
    segments = [
        segment(i, 10 * i, video(100, reorder=reorder)) for i, there in enumerate(present) if there
    ]
    recorded = [
        10_000 * i + 100 * n for i, there in enumerate(present) for n in range(100) if there
    ]
    on_screen = [time for time in recorded if time <= begin < time + 100]
    wanted = on_screen + [time for time in recorded if begin < time < begin + length]
    try:
        plan = plan_of(begin / 1000, (begin + length) / 1000, segments)
    except NoFootage:
        # The picture before is shown only until what follows it begins.
        assert wanted == []
        return

    shown = shown_times(plan)
    assert [time for time in shown if time + 100 > begin] == wanted
    assert len(shown) == plan.shown
    covered = sum((gap.duration for gap in plan.gaps), timedelta())
    assert plan.duration + covered <= timedelta(milliseconds=length + 100)
