"""What a browser shows of the files we make: the same pictures, at the same times."""

from __future__ import annotations

import base64
import itertools
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cameras.demo.numbers import read_number
from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines.splice import SpliceEngine
from exports.plan import make_plan
from exports.terms import Cut, Gaps
from tests.browser.chromium import PROGRAM, browser
from tests.browser.files import serving
from tests.footage import BEGIN, Footage, begin_of
from vms.media.ffmpeg import find_ffmpeg
from vms.media.segment import read_segment

pytestmark = [
    pytest.mark.ffmpeg,
    pytest.mark.processes,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed"),
]

FOOTAGE = {
    "h264": Footage(),
    "plain mp4": Footage(container="mp4"),
    "B-frames": Footage(bframes=2),
    "B-frames plain mp4": Footage(bframes=2, container="mp4"),
    "silent": Footage(audio=None),
}
# On a keyframe, in mid GOP, in mid picture, across segments.
CUTS = [(2, 4.5), (3.37, 5.21), (3.95, 4.35)]
NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Open the player in a browser; `page.folder` is where it finds videos."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(Path(__file__).with_name("player.html"), folder)
    with (
        serving(folder) as address,
        browser(tmp_path_factory.mktemp("profile")) as page,
    ):
        page.open(f"{address}/player.html")
        page.folder = folder
        yield page


class Export:
    """A file made by the splice engine, open in the player."""

    def __init__(self, page, segments, begin, end, **options):
        asked = Interval(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))
        media = [
            SegmentMedia(number, begin_of(path), read_segment(path))
            for number, path in enumerate(segments)
            if path.exists()
        ]
        self.page = page
        self.plan = make_plan(asked, media, **options)
        self.length = self.plan.duration_ns / 1e9
        target = page.folder / f"{next(NAMES)}.mp4"
        engine = SpliceEngine()
        engine.render(self.plan, segments.__getitem__, target, lambda _part: None)
        engine.verify(target, self.plan)
        self.head = target.read_bytes().partition(b"mdat")[0]
        state = page.run(f"open('{target.name}')")
        self.duration = state["duration"]
        self.first = number_in(state["picture"])

    def seek(self, seconds):
        """Return the number in the picture at a time, and how wide the picture is."""
        picture = self.page.run(f"seek({seconds:.6f})")
        return number_in(picture), picture["width"]

    def numbers(self):
        """Return the number of every picture, each sought a moment after it begins."""
        return [self.seek((index + 0.1) / 10)[0] for index in range(self.plan.shown)]


def number_in(picture):
    pixels = np.frombuffer(base64.b64decode(picture["green"]), np.uint8)
    return read_number(pixels.reshape(picture["height"], picture["width"]))


def wanted(begin, end):
    return Footage().numbers_in(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))


@pytest.mark.parametrize("footage", FOOTAGE.values(), ids=FOOTAGE.keys())
def test_shows_every_picture_of_the_interval_at_its_time(page, footage, tmp_path):
    segments = footage.make(tmp_path)
    for begin, end in CUTS:
        export = Export(page, segments, begin, end)

        assert export.first == wanted(begin, end)[0], (begin, end)
        assert export.numbers() == wanted(begin, end)


@pytest.mark.parametrize("footage", FOOTAGE.values(), ids=FOOTAGE.keys())
def test_lasts_as_long_as_planned(page, footage, tmp_path):
    segments = footage.make(tmp_path)
    # Once it has read them, Chromium counts pictures that are decoded before and hidden after
    # the end; it does not show them (see below).
    reordered = footage.bframes / footage.fps
    for begin, end in CUTS:
        export = Export(page, segments, begin, end)

        assert -0.001 < export.duration - export.length < reordered + 0.001, (begin, end)


def test_begins_at_the_keyframe_when_cut_there(page, tmp_path):
    export = Export(page, Footage().make(tmp_path), 3.5, 6, cut=Cut.KEYFRAME)

    assert export.first == wanted(2, 6)[0]
    assert export.duration == pytest.approx(4, abs=0.001)


@pytest.mark.parametrize("bframes", [0, 2])
def test_plays_to_the_last_picture_of_the_interval_and_no_further(page, bframes, tmp_path):
    Export(page, Footage(bframes=bframes).make(tmp_path), 1.35, 9.35)
    page.run("play(8)")

    assert number_in(page.run("picture()")) == wanted(1.35, 9.35)[-1]


@pytest.fixture
def resized(tmp_path):
    """Twelve seconds whose pictures are larger in the middle third: two sample entries."""
    sizes = ((160, 90), (320, 180), (160, 90))
    parts = [
        Footage(seconds=4, begin=BEGIN + timedelta(seconds=4 * index), width=width, height=height)
        for index, (width, height) in enumerate(sizes)
    ]
    return [path for part in parts for path in part.make(tmp_path)]


def repeat_parameters(segment):
    """Put the parameter sets into the stream too, before each keyframe, as IP cameras do."""
    copy = segment.with_suffix(".copy")
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(segment), "-c", "copy"]
    options = ["-bsf:v", "h264_mp4toannexb", "-f", "mp4", str(copy)]
    subprocess.run([*command, *options], check=True, timeout=60)
    copy.rename(segment)


def goes_back_and_forth(page, segments):
    export = Export(page, segments, 1.5, 10.5)
    numbers = wanted(1.5, 10.5)
    assert export.plan.configs == 2
    for seconds, width in ((0.01, 160), (3.01, 320), (1.01, 160), (8.01, 160), (5.01, 320)):
        assert export.seek(seconds) == (numbers[round(seconds * 10 - 0.1)], width)
    assert export.duration == pytest.approx(9, abs=0.001)
    export.seek(0.01)
    page.run("play(8)")
    assert number_in(page.run("picture()")) == numbers[-1]


def test_goes_back_and_forth_over_a_change_of_picture_size(page, resized):
    for segment in resized:
        repeat_parameters(segment)

    goes_back_and_forth(page, resized)


def test_goes_over_a_change_of_picture_size_that_only_the_header_tells(page, resized):
    goes_back_and_forth(page, resized)


@pytest.fixture
def interrupted(tmp_path):
    """Twenty seconds of which the fifth to the eighth are missing."""
    segments = Footage().make(tmp_path)
    segments[1].unlink()
    return segments


def test_holds_the_picture_over_a_gap_that_is_kept(page, interrupted):
    export = Export(page, interrupted, 2, 10, gaps=Gaps.KEEP)
    before, after = wanted(2, 4), wanted(8, 10)

    for seconds in (1.91, 2.5, 5.9):
        assert export.seek(seconds)[0] == before[-1]
    assert export.seek(6.01)[0] == after[0]
    assert export.seek(0.01)[0] == before[0]
    assert export.duration == pytest.approx(8, abs=0.001)


def test_goes_over_a_gap_that_is_left_out(page, interrupted):
    """What lies before and after it are chapters."""
    export = Export(page, interrupted, 2, 10)

    assert b"chpl" in export.head
    assert export.numbers() == wanted(2, 4) + wanted(8, 10)
    assert export.duration == pytest.approx(4, abs=0.001)
