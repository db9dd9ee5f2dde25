"""Groups of pictures that go on over segments: nothing is lost at the begin of a segment."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from exports.terms import Cut, Gaps
from tests.exports.matrix.archive import HOLD, Archive
from tests.exports.matrix.conftest import make_engine
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.strategies import edges
from tests.exports.matrix.watch import check_exact, check_sound, numbers
from tests.footage import decode_beeps

pytestmark = pytest.mark.ffmpeg

SECONDS = 12
OPEN = {
    "H.264": Camera(gop=15, bframes=2, open_gop=True, pyramid=False),
    "H.265": Camera(codec="hevc", gop=15, bframes=3, open_gop=True),
}
LONG = Camera(gop=200)
UNEVEN = Camera(fps=Fraction(25, 2), gop=200, bframes=2, jitter=0.6)


def cut_at_keyframes(camera, folder, *, without=()):
    """Record two groups in each segment, but for those *without*; returns it and the begins."""
    source = reel(camera, SECONDS)
    keys = [number for number, piece in enumerate(source.video) if piece.key][::2]
    archive = Archive(folder)
    for number, first in enumerate(keys):
        if number not in without:
            stop = keys[number + 1] if number + 1 < len(keys) else len(source.video)
            archive.record(source, first, stop, "fmp4" if number % 2 else "mp4")
    return archive


@pytest.fixture(params=OPEN)
def camera(request):
    return OPEN[request.param]


def test_shows_pictures_that_need_the_segment_before(engine, camera, tmp_path, target):
    archive = cut_at_keyframes(camera, tmp_path)
    begin, end = Fraction("1.35"), Fraction("10.65")
    plan = archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)
    check_sound(target, archive.wanted(begin, end))
    assert plan.warnings == ()


@pytest.mark.parametrize("policy", [Gaps.COLLAPSE, Gaps.KEEP])
@pytest.mark.parametrize("pyramid", [True, False])
def test_encodes_anew_where_that_segment_is_missing(camera, pyramid, policy, tmp_path, target):
    """No file can hold them: an order that goes on from before, after what was before."""
    archive = cut_at_keyframes(replace(camera, pyramid=pyramid), tmp_path, without=[1])
    begin, end = Fraction("1.35"), Fraction("10.65")
    plan = archive.export(make_engine("ffmpeg"), begin, end, target, gaps=policy)

    check_exact(archive, target, begin, end, policy)
    assert plan.hides_within
    assert "pictures need the one before, left out" in plan.warnings[0]


def test_skips_them_at_the_begin_of_the_archive(engine, camera, tmp_path, target):
    archive = cut_at_keyframes(camera, tmp_path, without=[0])
    begin, end = Fraction(1), Fraction("10.65")
    plan = archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)
    assert plan.lead_in_ns == 0
    assert "pictures need the one before, left out" in plan.warnings[0]


@pytest.mark.parametrize("picture", [0, 1, 2, 3])
def test_begins_with_any_picture_of_such_a_segment(engine, camera, picture, tmp_path, target):
    archive = cut_at_keyframes(camera, tmp_path)
    begin = archive.known[2].pictures[picture].at
    archive.export(engine, begin, begin + 2, target)

    check_exact(archive, target, begin, begin + 2)


@pytest.mark.parametrize("container", ["mp4", "fmp4"])
@pytest.mark.parametrize("begin", ["0", "3", "7.25", "8"])
def test_shows_pictures_of_a_group_begun_segments_before(
    engine, container, begin, tmp_path, target
):
    archive = Archive(tmp_path).record_all(reel(LONG, SECONDS), 30, container)
    begin = Fraction(begin)
    plan = archive.export(engine, begin, begin + 3, target)

    check_exact(archive, target, begin, begin + 3)
    check_sound(target, archive.wanted(begin, begin + 3))
    assert plan.gaps == ()


@pytest.mark.parametrize("container", ["mp4", "fmp4"])
@pytest.mark.parametrize("begin", ["0", "4.35", "9.1"])
def test_goes_on_where_a_last_picture_is_said_to_last_too_long(
    engine, container, begin, tmp_path, target
):
    """Of pictures out of order that come unevenly, files tell when they are decoded."""
    source = reel(UNEVEN, SECONDS)
    archive = Archive(tmp_path)
    for first, stop in pairwise([*edges(UNEVEN)[:-1:8], len(source.video)]):
        archive.record(source, first, stop, container)
    media = [one.media.video for one in archive.segments()[0]]
    lengths = [track.end - track.begin for track in media]
    begins = [segment.begin for segment in archive.known.values()]
    assert any(begins[n] + lengths[n] > begins[n + 1] + HOLD / 20 for n in range(len(begins) - 1))
    begin = Fraction(begin)
    end = archive.at(120)
    plan = archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)
    assert plan.warnings == ()


def test_begins_at_the_keyframe_segments_before(engine, tmp_path, target):
    archive = Archive(tmp_path).record_all(reel(LONG, SECONDS), 30)
    archive.export(engine, Fraction(7), Fraction(8), target, cut=Cut.KEYFRAME)

    check_exact(archive, target, Fraction(0), Fraction(8))


@pytest.mark.parametrize("container", ["mp4", "fmp4"])
def test_goes_on_with_the_next_keyframe_when_the_begin_of_a_group_is_lost(
    engine, container, tmp_path, target
):
    archive = Archive(tmp_path).record_all(reel(Camera(gop=70), SECONDS), 30, container)
    archive.lose(0)
    begin, end = Fraction("3.25"), Fraction("8.65")
    plan = archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)
    assert numbers(target)[0] == 70
    assert [float(gap.duration.total_seconds()) for gap in plan.gaps] == [3.75]


@pytest.mark.parametrize("hidden", [5, 15])
def test_shows_nothing_that_a_segment_hides_midway(hidden, tmp_path, target):
    archive = Archive(tmp_path)
    source = reel(Camera(), SECONDS)
    archive.record(source, 0, 40)
    archive.record(source, 40 + hidden, 80, hidden=hidden)
    archive.record(source, 80, 120)
    begin, end = Fraction("1.35"), Fraction("10.65")
    plan = archive.export(make_engine("ffmpeg"), begin, end, target)

    check_exact(archive, target, begin, end)
    assert plan.hides_within


@pytest.mark.parametrize("cut", [Cut.EXACT, Cut.KEYFRAME])
def test_begins_with_sound_that_lies_in_the_segment_before(engine, cut, tmp_path, target):
    # A packet of 64 ms begins before the second at which the segment and a beep begin.
    archive = Archive(tmp_path).record_all(reel(Camera(), SECONDS), 40)
    archive.export(engine, Fraction(4), Fraction("6.5"), target, cut=cut)

    check_exact(archive, target, Fraction(4), Fraction("6.5"))
    assert decode_beeps(target) == pytest.approx([0, 1, 2], abs=0.005)
