from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines.ffmpeg import FfmpegEngine
from exports.engines.splice import SpliceEngine, can_splice
from exports.engines.verify import verify
from exports.errors import Cancelled, EngineFailed, NotVerified, SegmentChanged
from exports.plan import make_plan
from exports.terms import Cut, Gaps
from tests.footage import BEGIN, Footage, begin_of, decode_beeps, decode_numbers
from vms.media.ffmpeg import find_ffmpeg
from vms.media.mp4.edits import shown_duration
from vms.media.segment import read_segment

pytestmark = pytest.mark.ffmpeg


class Archive:
    """Segments on disk, as the planner and the engine want them."""

    def __init__(self, footage, folder):
        self.footage = footage
        self.paths = dict(enumerate(footage.make(folder)))

    def segments(self):
        # Other containers end in other letters, the stem is the same.
        return [
            SegmentMedia(number, begin_of(path), read_segment(path))
            for number, path in self.paths.items()
            if path.exists()
        ]

    def plan(self, begin, end, **options):
        asked = Interval(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))
        return make_plan(asked, self.segments(), **options)

    def export(self, engine, begin, end, target, **options):
        plan = self.plan(begin, end, **options)
        engine.render(plan, self.paths.__getitem__, target, lambda _part: None)
        verify(target, plan)
        return plan


def ffmpeg(stall_seconds=20):
    return FfmpegEngine(find_ffmpeg(), stall_seconds)


@pytest.fixture(params=["splice", "ffmpeg"])
def engine(request):
    return SpliceEngine() if request.param == "splice" else ffmpeg()


def wanted(footage, begin, end):
    return footage.numbers_in(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))


def numbers(path):
    return [number for _, number in decode_numbers(path)]


@pytest.fixture
def target(tmp_path):
    return tmp_path / "export.mp4"


FOOTAGE = {
    "h264": Footage(),
    "h264 plain mp4": Footage(container="mp4"),
    "h264 transport stream": Footage(container="mpegts"),
    "B-frames": Footage(bframes=2),
    "B-frames plain mp4": Footage(bframes=2, container="mp4"),
    "h265": Footage(codec="hevc", seconds=12),
    "h265 B-frames": Footage(codec="hevc", bframes=2, seconds=12),
    "silent": Footage(audio=None),
    "25 fps, one keyframe a segment": Footage(fps=25, gop=100),
}
# On a keyframe, one picture before and after, in mid GOP, in mid picture, across segments.
CUTS = [(2, 10), (1.9, 9.9), (2.1, 10.1), (3.37, 6.21), (3.95, 4.05), (0, 12), (5, 5.1)]


@pytest.mark.parametrize("footage", FOOTAGE.values(), ids=FOOTAGE.keys())
def test_shows_exactly_the_pictures_of_the_interval(engine, footage, tmp_path, target):
    archive = Archive(footage, tmp_path / "archive")
    if isinstance(engine, SpliceEngine) and not can_splice(archive.plan(1, 2)):
        assert footage.container == "mpegts"
        return
    for begin, end in CUTS:
        plan = archive.export(engine, begin, end, target)

        shown = decode_numbers(target)
        assert [number for _, number in shown] == wanted(footage, begin, end), (begin, end)
        assert shown[0][0] == 0
        assert abs(shown_duration(target) - Fraction(plan.duration_ns, 10**9)) < Fraction(1, 1000)


@pytest.mark.parametrize("name", ["h264", "B-frames plain mp4", "h265"])
def test_keeps_sound_and_picture_together(engine, name, tmp_path, target):
    footage = FOOTAGE[name]
    plan = Archive(footage, tmp_path / "archive").export(engine, 1.35, 11.35, target)

    # A beep begins at each full second of the wall clock.
    offset = (plan.begin - BEGIN).total_seconds()
    beeps = decode_beeps(target)
    assert len(beeps) == 10
    for index, beep in enumerate(beeps):
        assert beep == pytest.approx(2 + index - offset, abs=0.012)


def test_keeps_the_distances_of_pictures(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    archive.export(engine, 1, 15, target)

    times = [seconds for seconds, _ in decode_numbers(target)]
    assert {later - sooner for sooner, later in pairwise(times)} == {Fraction(1, 10)}


def test_begins_at_the_keyframe_when_asked_to(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    archive.export(engine, 3.5, 6, target, cut=Cut.KEYFRAME)

    assert numbers(target) == wanted(archive.footage, 2, 6)


def test_leaves_a_gap_out_and_holds_the_picture_over_it_when_asked_to(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    archive.paths[1].unlink()  # 4 to 8 s
    pictures = wanted(archive.footage, 2, 4) + wanted(archive.footage, 8, 10)

    plan = archive.export(engine, 2, 10, target)
    assert numbers(target) == pictures
    assert [gap.duration for gap in plan.gaps] == [timedelta(seconds=4)]
    assert shown_duration(target) == 4

    archive.export(engine, 2, 10, target, gaps=Gaps.KEEP)
    assert numbers(target) == pictures
    assert shown_duration(target) == 8
    assert decode_numbers(target)[20][0] == 6


def test_uses_a_segment_cut_short_up_to_the_damage(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    damaged = archive.paths[1]
    with damaged.open("r+b") as file:
        file.truncate(damaged.stat().st_size * 6 // 10)
    plan = archive.export(engine, 2, 14, target)

    shown = numbers(target)
    kept = len(shown) - 80
    assert 0 < kept < 40
    assert shown == wanted(archive.footage, 2, 4 + kept / 10) + wanted(archive.footage, 8, 14)
    assert len(plan.gaps) == 1


def test_goes_on_after_garbage(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    damaged = archive.paths[1]
    with damaged.open("r+b") as file:
        file.seek(damaged.stat().st_size // 2)
        file.write(os.urandom(damaged.stat().st_size // 4))
    archive.export(engine, 2, 14, target)

    shown = numbers(target)
    assert shown[:20] == wanted(archive.footage, 2, 4)
    assert shown[-60:] == wanted(archive.footage, 8, 14)


def test_joins_pictures_of_different_size(engine, tmp_path, target):
    small = Archive(Footage(seconds=4), tmp_path / "small")
    large = Archive(
        Footage(seconds=4, begin=BEGIN + timedelta(seconds=4), width=320, height=180),
        tmp_path / "large",
    )
    again = Archive(Footage(seconds=4, begin=BEGIN + timedelta(seconds=8)), tmp_path / "again")
    paths = [*small.paths.values(), *large.paths.values(), *again.paths.values()]
    segments = [SegmentMedia(i, begin_of(path), read_segment(path)) for i, path in enumerate(paths)]
    asked = Interval(BEGIN + timedelta(seconds=1.5), BEGIN + timedelta(seconds=10.5))
    plan = make_plan(asked, segments)

    engine.render(plan, paths.__getitem__, target, lambda _part: None)
    verify(target, plan)

    assert plan.configs == 2
    assert numbers(target) == wanted(small.footage, 1.5, 10.5)


def test_puts_the_index_first(engine, tmp_path, target):
    Archive(FOOTAGE["h264"], tmp_path / "archive").export(engine, 2, 6, target)

    head = target.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")


def test_tags_h265_for_all_players(engine, tmp_path, target):
    Archive(FOOTAGE["h265"], tmp_path / "archive").export(engine, 2, 6, target)

    assert b"hvc1" in target.read_bytes()[:4096]


def test_reports_how_far_it_is(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    told = []
    engine.render(archive.plan(0, 20), archive.paths.__getitem__, target, told.append)

    assert told == sorted(told)
    assert told[-1] == pytest.approx(1, abs=0.1)


def test_fails_when_a_segment_vanishes_between_plan_and_cut(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    plan = archive.plan(1, 15)
    archive.paths[2].unlink()

    with pytest.raises(SegmentChanged, match="2026-03-14 09:26:08"):
        engine.render(plan, archive.paths.__getitem__, target, lambda _part: None)


def test_fails_when_a_segment_shrinks_between_plan_and_cut(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    plan = archive.plan(1, 15)
    with archive.paths[1].open("r+b") as file:
        file.truncate(archive.paths[1].stat().st_size // 2)

    with pytest.raises(SegmentChanged, match="2026-03-14 09:26:04"):
        engine.render(plan, archive.paths.__getitem__, target, lambda _part: None)


def test_ends_at_once_when_nobody_wants_the_file_any_more(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    plan = archive.plan(1, 15)

    def unwanted(_part):
        raise Cancelled

    began = time.monotonic()
    with pytest.raises(Cancelled):
        engine.render(plan, archive.paths.__getitem__, target, unwanted)
    assert time.monotonic() - began < 2
    assert children_of(os.getpid(), "ffmpeg") == []


@pytest.fixture
def stuck(tmp_path):
    """An archive whose third segment is on a disk that does not answer: a pipe nobody fills."""
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    archive.plan_of_all = archive.plan(0, 20)
    archive.paths[2] = tmp_path / "stuck"
    os.mkfifo(archive.paths[2])
    yield archive
    # Let the feed go on to its end.
    os.close(os.open(archive.paths[2], os.O_RDWR | os.O_NONBLOCK))


def test_ends_when_nothing_moves(stuck, target):
    with pytest.raises(EngineFailed, match="stopped moving"):
        ffmpeg(1).render(stuck.plan_of_all, stuck.paths.__getitem__, target, lambda _part: None)

    assert children_of(os.getpid(), "ffmpeg") == []


def test_fails_when_ffmpeg_is_killed(stuck, target):
    def kill(_part):
        for pid in children_of(os.getpid(), "ffmpeg"):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineFailed, match="failed"):
        ffmpeg().render(stuck.plan_of_all, stuck.paths.__getitem__, target, kill)


def test_refuses_a_result_that_is_not_as_planned(engine, tmp_path, target):
    archive = Archive(FOOTAGE["h264"], tmp_path / "archive")
    archive.export(engine, 2, 6, target)

    with pytest.raises(NotVerified, match="pictures 35, found 40"):
        verify(target, archive.plan(2, 5.5))
    with target.open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(NotVerified, match="cannot be read back"):
        verify(target, archive.plan(2, 6))


def children_of(parent, name):
    """Process ids of our direct children with that name."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            comm, _, rest = Path(entry.path, "stat").read_text().partition(") ")
        except OSError:
            continue
        state, ppid = rest.split()[:2]
        if int(ppid) == parent and name in comm and state != "Z":
            found.append(int(entry.name))
    return found
