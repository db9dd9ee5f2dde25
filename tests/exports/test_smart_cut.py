"""Smart cuts by the splice engine: exact, and nothing hidden."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import av
import numpy as np
import pytest

from cameras.demo.numbers import read_number
from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines.ffmpeg import FfmpegEngine
from exports.engines.opening import open_smart
from exports.engines.readback import verify_tables
from exports.engines.splice import SpliceEngine
from exports.errors import EngineFailed
from exports.plan import make_plan
from exports.terms import Cut
from tests.exports.matrix.archive import Archive
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.watch import check_exact, numbers
from tests.footage import BEGIN, Footage, begin_of, decode_beeps, decode_numbers
from vms.media.ffmpeg import find_ffmpeg
from vms.media.segment import read_segment

pytestmark = pytest.mark.ffmpeg

FOOTAGE = {
    "plain": Footage(container="mp4"),
    "fragmented": Footage(),
    "B-frames": Footage(bframes=2),
    "h265": Footage(codec="hevc"),
    "h265 B-frames": Footage(codec="hevc", bframes=2, container="mp4"),
    "silent": Footage(audio=None),
}


def smart_plan(footage, folder, begin, end):
    paths = dict(enumerate(footage.make(folder / "archive")))
    segments = [
        SegmentMedia(index, begin_of(path), read_segment(path)) for index, path in paths.items()
    ]
    asked = Interval(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))
    plan = make_plan(asked, segments, cut=Cut.SMART)
    return open_smart(plan, paths.__getitem__, lambda: None), paths


def export(plan, paths, folder):
    target = folder / "smart.mp4"
    SpliceEngine().render(plan, paths.__getitem__, target, lambda _part: None)
    verify_tables(target, plan)
    return target


@pytest.mark.parametrize("footage", FOOTAGE.values(), ids=FOOTAGE.keys())
@pytest.mark.parametrize(("begin", "end"), [(3.3, 9.7), (4.1, 4.4), (5.9, 6.1), (0.5, 19.9)])
def test_holds_the_pictures_of_the_interval_and_no_others(footage, tmp_path, begin, end):
    plan, paths = smart_plan(footage, tmp_path, begin, end)
    assert plan.is_encoded
    assert plan.warnings == ()

    target = export(plan, paths, tmp_path)

    first = decode_numbers(paths[0])[0][1]
    shown = [number for _, number in decode_numbers(target)]
    assert shown == list(range(first + round(begin * 10), first + round(end * 10)))
    assert len(read_segment(target).video) == len(shown)
    assert decoded(target) == shown


def decoded(path):
    """List the pictures shown by a player that knows no edit lists."""
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        return [read_number(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


GROUPS = {
    "H.264": Camera(gop=24, bframes=3),
    "H.264, open": Camera(gop=24, bframes=3, open_gop=True),
    "H.265": Camera(codec="hevc", gop=24, bframes=4),
}


@pytest.mark.parametrize("begin", ["2.4", "3.05"])
@pytest.mark.parametrize("name", GROUPS)
def test_hides_nothing_behind_any_picture_of_a_group(name, begin, tmp_path):
    archive = Archive(tmp_path)
    archive.record(reel(GROUPS[name], 12))
    begin = Fraction(begin)
    target = tmp_path / "smart.mp4"
    for end in (Fraction(tenth, 10) for tenth in range(60, 73, 2)):
        plan = open_smart(archive.plan(begin, end, cut=Cut.SMART), archive.locate, lambda: None)
        archive.render(SpliceEngine(), plan, target)
        verify_tables(target, plan)

        assert plan.cut is Cut.SMART, plan.warnings
        assert len(read_segment(target).video) == plan.shown
        check_exact(archive, target, begin, end)
        assert decoded(target) == numbers(target)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_hides_nothing_where_pictures_change_their_size(codec, tmp_path):
    archive = Archive(tmp_path)
    for number, width in enumerate([96, 160, 96]):
        source = reel(Camera(codec=codec, gop=20, bframes=2, width=width), 12)
        archive.record(source, 40 * number, 40 * (number + 1))
    begin, end = Fraction("1.35"), Fraction("7.15")
    plan = archive.plan(begin, end, cut=Cut.SMART)
    plan = open_smart(plan, archive.locate, lambda: None)
    assert all((plan.slices[0].opening, plan.slices[1].closing))
    engine = SpliceEngine()
    archive.render(engine, plan, tmp_path / "smart.mp4")
    engine.verify(tmp_path / "smart.mp4", plan)

    check_exact(archive, tmp_path / "smart.mp4", begin, end)


def test_says_so_when_its_first_group_begins_in_the_segment_before(tmp_path):
    archive = Archive(tmp_path).record_all(reel(Camera(gop=200), 12), 30)
    plan = archive.plan(Fraction(4), Fraction(7), cut=Cut.SMART)
    plan = open_smart(plan, archive.locate, lambda: None)

    assert plan.cut is Cut.EXACT
    assert "begins in the segment before" in plan.warnings[-1]


def test_hides_nothing_from_a_player_without_edit_lists(tmp_path):
    plan, paths = smart_plan(FOOTAGE["plain"], tmp_path, 3.3, 9.7)
    target = export(plan, paths, tmp_path)

    assert len(decoded(target)) == 64


def test_keeps_the_sound_with_the_picture(tmp_path):
    plan, paths = smart_plan(FOOTAGE["plain"], tmp_path, 3.3, 9.7)
    target = export(plan, paths, tmp_path)

    beeps = decode_beeps(target)
    expected = np.arange(0.7, 6.4)
    assert len(beeps) == len(expected)
    assert np.abs(np.array(beeps) - expected).max() < 0.005


def test_copies_what_begins_with_a_keyframe(tmp_path):
    plan, paths = smart_plan(FOOTAGE["plain"], tmp_path, 4, 10)

    assert not plan.is_encoded
    assert export(plan, paths, tmp_path).stat().st_size > 0


def test_says_so_when_it_has_to_hide_pictures_after_all(tmp_path):
    plan, _ = smart_plan(Footage(container="mpegts"), tmp_path, 3.3, 9.7)

    assert not plan.is_encoded
    assert plan.cut is Cut.EXACT
    assert "cut exactly instead" in plan.warnings[-1]


def test_is_refused_by_an_engine_that_would_lose_the_pictures_made_anew(tmp_path):
    plan, paths = smart_plan(FOOTAGE["plain"], tmp_path, 3.3, 9.7)
    assert plan.is_encoded
    target = tmp_path / "export.mp4"

    with pytest.raises(EngineFailed, match="made anew"):
        FfmpegEngine(find_ffmpeg(), 20).render(plan, paths.__getitem__, target, lambda _part: None)
    assert not target.exists()


def test_stops_when_it_is_told_to(tmp_path):
    class Enough(Exception):
        pass

    def stop():
        raise Enough

    plan, paths = smart_plan(FOOTAGE["plain"], tmp_path, 4, 10)
    later = Interval(BEGIN + timedelta(seconds=5), plan.asked.end)
    plan = replace(make_plan(later, [part.segment for part in plan.slices], cut=Cut.SMART))
    with pytest.raises(Enough):
        open_smart(plan, paths.__getitem__, stop)
