"""Smart cuts by the splice engine: exact, and nothing hidden."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import av
import numpy as np
import pytest

from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines.ffmpeg import FfmpegEngine
from exports.engines.opening import open_smart
from exports.engines.readback import verify_tables
from exports.engines.splice import SpliceEngine
from exports.errors import EngineFailed
from exports.plan import make_plan
from exports.terms import Cut
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
    media = read_segment(target)
    # Pictures that others of the interval are decoded from may begin after its end.
    first_hidden = int(media.video.hidden.argmax()) if media.video.hidden.any() else len(shown)
    assert first_hidden > len(shown) - 4
    assert footage.bframes or len(media.video) == len(shown)


def test_hides_nothing_from_a_player_without_edit_lists(tmp_path):
    plan, paths = smart_plan(FOOTAGE["plain"], tmp_path, 3.3, 9.7)
    target = export(plan, paths, tmp_path)

    with av.open(str(target), options={"ignore_editlist": "1"}) as container:
        seen = [frame.pts for frame in container.decode(video=0)]
    assert len(seen) == 64


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
