from __future__ import annotations

from datetime import timedelta

import pytest

from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines.ffmpeg import FfmpegEngine
from exports.engines.splice import SpliceEngine, can_splice
from exports.engines.verify import verify
from exports.plan import make_plan
from tests.footage import BEGIN, Footage, begin_of, decode_numbers
from vms.media.ffmpeg import find_ffmpeg
from vms.media.segment import read_segment

pytestmark = pytest.mark.ffmpeg


@pytest.mark.parametrize("engine", ["splice", "ffmpeg"])
@pytest.mark.parametrize("early", [0.03, 0.12, 0.5, 1.7])
@pytest.mark.parametrize("container", ["fmp4", "mp4", "mpegts"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_joins_segments_that_overlap(tmp_path, bframes, container, early, engine):
    footage = Footage(bframes=bframes, container=container)
    paths = footage.make(tmp_path / "archive")
    moved = {2: timedelta(seconds=early), 3: timedelta(seconds=early)}
    segments = [
        SegmentMedia(index, begin_of(path) - moved.get(index, timedelta()), read_segment(path))
        for index, path in enumerate(paths)
    ]
    asked = Interval(BEGIN + timedelta(seconds=1), BEGIN + timedelta(seconds=15))
    plan = make_plan(asked, segments)
    target = tmp_path / "export.mp4"

    if engine == "splice" and not can_splice(plan):
        assert container == "mpegts"
        return
    maker = SpliceEngine() if engine == "splice" else FfmpegEngine(find_ffmpeg(), 20)
    maker.render(plan, paths.__getitem__, target, lambda _part: None)
    verify(target, plan)

    shown = [number for _, number in decode_numbers(target)]
    assert len(shown) == plan.shown
    assert shown == sorted(set(shown))  # none twice, none out of order
    # Only the overlap itself and, with it, pictures decoded out of order are missing, and named.
    missing = 140 - len(shown)
    assert missing <= early * 10 + 3
    said = [warning for warning in plan.warnings if "overlaps" in warning]
    assert bool(said) == (early > 0.1)
