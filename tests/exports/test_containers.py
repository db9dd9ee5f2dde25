"""Every container, decoded: the same pictures as asked for, and the sound beside them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from cameras.demo.numbers import read_number
from cameras.demo.sound import beep_source
from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines.containers import CONTAINERS
from exports.engines.ffmpeg import FfmpegEngine
from exports.engines.treatment import treat
from exports.engines.verify import verify
from exports.plan import make_plan
from exports.terms import Cut, Gaps
from tests.footage import BEGIN, LOUD, SILENCE_SECONDS, Footage, begin_of
from vms.media.ffmpeg import find_ffmpeg
from vms.media.segment import read_segment

pytestmark = pytest.mark.ffmpeg

# Mid gop at both ends, in mid picture; on a keyframe.
MID_GOP, ON_KEYFRAME = (3.37, 6.21), (2, 6)
SYNC = 0.005


@dataclass(frozen=True)
class Source:
    """An archive to cut from."""

    footage: Footage
    law: str | None = None

    def make(self, folder):
        paths = self.footage.make(folder)
        return [with_law(path, self.law) for path in paths] if self.law else paths


def with_law(path, encoder):
    """Give a silent segment G.711 sound, as cameras record it: 8 kHz, one channel."""
    sounding = path.with_suffix(".mov")
    subprocess.run(
        [
            *(find_ffmpeg(), "-v", "error", "-i", path, *beep_source(begin_of(path))),
            *("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", encoder, "-ar", "8000"),
            *("-shortest", sounding),
        ],
        check=True,
    )
    sounding.replace(path)
    return path


SOURCES = {
    "H.264 AAC": Source(Footage(seconds=12)),
    "H.265 AAC": Source(Footage(seconds=12, codec="hevc")),
    "H.264 AAC transport stream": Source(Footage(seconds=12, container="mpegts")),
    "H.265 AAC transport stream": Source(Footage(seconds=12, codec="hevc", container="mpegts")),
    "H.264 AAC plain mp4 B-frames": Source(Footage(seconds=12, bframes=2, container="mp4")),
    "H.264 G.711": Source(Footage(seconds=12, audio=None, container="mp4"), "pcm_alaw"),
    "H.265 G.711": Source(Footage(seconds=12, codec="hevc", audio=None), "pcm_mulaw"),
    "H.264 silent": Source(Footage(seconds=12, audio=None)),
}


@dataclass
class Result:
    """What a player makes of a file: pictures and beeps, in seconds since the first picture."""

    pictures: list[int | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    beeps: list[float] = field(default_factory=list)
    codecs: tuple[str, ...] = ()


def play(path):
    """Decode a file by the times it holds, without those PyAV makes up for AVI and ASF."""
    result, sound, levels = Result(), [np.empty(0)], [np.empty(0)]
    resampler = av.AudioResampler(format="fltp", layout="mono")
    with av.open(str(path)) as container:
        container.flags &= ~av.container.Flags.gen_pts.value
        result.codecs = tuple(stream.codec_context.name for stream in container.streams)
        for frame in container.decode():
            at = (frame.pts if frame.pts is not None else frame.dts) * frame.time_base
            if isinstance(frame, av.VideoFrame):
                if at >= 0:
                    result.times.append(float(at))
                    result.pictures.append(read_number(frame.to_ndarray(format="gray")))
                continue
            for part in resampler.resample(frame):
                level = np.abs(part.to_ndarray()[0])
                sound.append(float(at) + np.arange(level.size) / part.sample_rate)
                levels.append(level)
    when = np.concatenate(sound)
    loud = when[np.concatenate(levels) > LOUD] - result.times[0]
    if loud.size:
        result.beeps = [float(loud[0]), *(loud[1:][np.diff(loud) > SILENCE_SECONDS]).tolist()]
    result.times = [at - result.times[0] for at in result.times]
    return result


def segments_of(paths):
    return [SegmentMedia(i, begin_of(path), read_segment(path)) for i, path in enumerate(paths)]


def plan_of(paths, seconds, **options):
    begin, end = (BEGIN + timedelta(seconds=one) for one in seconds)
    return make_plan(Interval(begin, end), segments_of(paths), **options)


def render(plan, paths, container, target):
    """Make and verify; returns the treatment and what the engine has to say."""
    treatment = treat(plan, container)
    engine = FfmpegEngine(find_ffmpeg(), 20, treatment)
    engine.render(plan, paths.__getitem__, target, lambda _part: None)
    verify(target, plan, treatment)
    return treatment, engine.came_up


def wanted(source, begin, end):
    return source.footage.numbers_in(
        BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end)
    )


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_shows_exactly_the_interval_with_its_sound(container, name, tmp_path):
    source = SOURCES[name]
    paths = source.make(tmp_path / "archive")
    target = tmp_path / "export"
    for cut in (MID_GOP, ON_KEYFRAME):
        plan = plan_of(paths, cut)
        _treatment, notes = render(plan, paths, container, target)
        assert notes == []
        result = play(target)

        assert result.pictures == wanted(source, *cut)
        assert max(abs(at - index / 10) for index, at in enumerate(result.times)) <= 0.001
        if plan.audio is None:
            continue
        offset = (plan.begin - BEGIN).total_seconds()
        seconds = [second - offset for second in range(13) if cut[0] < second < cut[1]]
        # Of AAC the very first packet is heard in part, for want of the one before it, and the
        # last one sounds up to its end.
        beeps = [beep for beep in result.beeps if 0.1 < beep < plan.duration.total_seconds()]
        assert beeps == pytest.approx(seconds, abs=SYNC)


# What becomes of pictures and sound at a keyframe: nothing where the container can hold them.
HELD = {
    "mp4": (set(SOURCES), set()),
    "mov": (set(SOURCES), set()),
    "mkv": (set(SOURCES), set()),
    "ts": ({"H.264 AAC", "H.265 AAC", "H.264 AAC plain mp4 B-frames"}, {"H.264 G.711"}),
    "flv": ({"H.264 AAC", "H.264 AAC plain mp4 B-frames"}, {"H.264 G.711", "H.265 AAC"}),
    "asf": (
        {"H.264 AAC", "H.264 G.711", "H.264 AAC transport stream"},
        {"H.265 AAC", "H.264 AAC plain mp4 B-frames"},
    ),
    "avi": ({"H.264 G.711", "H.264 silent"}, {"H.264 AAC", "H.265 AAC"}),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_copies_what_the_container_can_hold_and_says_what_it_cannot(container, tmp_path):
    copied, encoded = HELD[container]
    for name in sorted(copied | encoded):
        paths = SOURCES[name].make(tmp_path / name)
        treatment = treat(plan_of(paths, ON_KEYFRAME), container)
        assert treatment.mode == ("copy" if name in copied else "transcode"), name
        assert bool(treatment.warnings) == (name in encoded), name
        assert all(CONTAINERS[container].title in warning for warning in treatment.warnings)


@pytest.mark.parametrize("container", ["avi", "flv", "asf", "ts", "mkv"])
def test_copies_from_the_keyframe_on_when_asked_to(container, tmp_path):
    source = SOURCES["H.264 silent"]
    target = tmp_path / "export"
    paths = source.make(tmp_path / "archive")
    plan = plan_of(paths, (3.5, 6), cut=Cut.KEYFRAME)
    treatment, _notes = render(plan, paths, container, target)

    assert treatment.mode == "copy"
    assert play(target).pictures == wanted(source, 2, 6)


@pytest.mark.parametrize("cut", [ON_KEYFRAME, MID_GOP])
@pytest.mark.parametrize("container", CONTAINERS)
def test_joins_pictures_of_different_size(container, cut, tmp_path):
    sizes = [(160, 90), (320, 180), (160, 90)]
    paths = []
    for index, (width, height) in enumerate(sizes):
        begin = BEGIN + timedelta(seconds=index * 4)
        footage = Footage(seconds=4, begin=begin, width=width, height=height)
        paths += footage.make(tmp_path / str(index))
    plan = plan_of(paths, (cut[0], cut[1] + 3))
    target = tmp_path / "export"
    render(plan, paths, container, target)

    assert plan.configs == 2
    assert play(target).pictures == wanted(Source(Footage()), cut[0], cut[1] + 3)


@pytest.mark.parametrize("cut", [ON_KEYFRAME, MID_GOP])
@pytest.mark.parametrize("container", CONTAINERS)
def test_holds_the_picture_over_a_gap_and_keeps_sound_in_its_place(container, cut, tmp_path):
    source = SOURCES["H.264 G.711"]
    paths = source.make(tmp_path / "archive")
    del paths[1]  # 4 to 8 s
    cut = (cut[0], 10)
    target = tmp_path / "export"
    plan = plan_of(paths, cut, gaps=Gaps.KEEP)
    render(plan, paths, container, target)

    result = play(target)
    assert result.pictures == wanted(source, cut[0], 4) + wanted(source, 8, 10)
    begin = (plan.begin - BEGIN).total_seconds()
    longest = max(pairwise(result.times), key=lambda pair: pair[1] - pair[0])
    assert longest == pytest.approx((3.9 - begin, 8 - begin), abs=0.001)
    # The beep of the eighth second is whole where samples are; AAC packets may lack their begin.
    assert result.beeps[-1] == pytest.approx(9 - begin, abs=SYNC)


def unevenly(path):
    """Move the pictures of a silent segment off their even distance; returns the moves in ms."""
    moves = [0, 13, -21, 7, 30, -30, 4, -9, 0, 17]
    moved = path.with_suffix(".moved.mp4")
    with av.open(str(path)) as source, av.open(str(moved), "w") as output:
        track = output.add_stream_from_template(source.streams.video[0])
        count = 0
        for packet in source.demux(video=0):
            if packet.size:
                move = Fraction(moves[count % len(moves)], 1000)
                packet.pts = packet.dts = packet.pts + round(move / packet.time_base)
                packet.stream = track
                output.mux(packet)
                count += 1
    moved.replace(path)
    return moves


@pytest.mark.parametrize("cut", [ON_KEYFRAME, MID_GOP])
@pytest.mark.parametrize("container", CONTAINERS)
def test_keeps_uneven_times_of_pictures(container, cut, tmp_path):
    source = SOURCES["H.264 silent"]
    paths = source.make(tmp_path / "archive")
    for path in paths:
        moves = unevenly(path)
    target = tmp_path / "export"
    plan = plan_of(paths, cut)
    treatment, _notes = render(plan, paths, container, target)

    first = round((plan.begin - BEGIN).total_seconds() * 10)
    numbers = range(first, first + plan.shown)
    times = [number / 10 + moves[number % 40 % 10] / 1000 for number in numbers]
    # AVI counts in ticks of 5 ms then; the others count milliseconds or finer.
    most = 0.0051 if container == "avi" else 0.0011
    assert play(target).times == pytest.approx([at - times[0] for at in times], abs=most)
    assert treatment.rate == (200 if container == "avi" else None)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", ["H.264 AAC", "H.265 AAC"])
def test_makes_a_file_of_one_picture(name, container, tmp_path):
    source = SOURCES[name]
    paths = source.make(tmp_path / "archive")
    target = tmp_path / "export"
    for cut in ((2, 2.1), (3.34, 3.35)):
        render(plan_of(paths, cut), paths, container, target)

        assert play(target).pictures == wanted(source, *cut)
