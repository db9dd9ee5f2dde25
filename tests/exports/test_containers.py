"""Every container, decoded: the same pictures as asked for, and the sound beside them."""

from __future__ import annotations

import os
import subprocess
import threading
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
from exports.errors import Cancelled, CodecChanged, EngineFailed, NotVerified
from exports.plan import make_plan
from exports.terms import Cut, Gaps
from tests.exports.test_engines import children_of
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


def test_replaces_pictures_that_cannot_be_decoded_and_says_so(tmp_path):
    source = SOURCES["H.264 silent"]
    paths = source.make(tmp_path / "archive")
    with av.open(str(paths[1])) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0)]
    with paths[1].open("r+b") as file:
        for at, size in places[5:8]:  # in the first gop, so the second one is whole
            file.seek(at)
            file.write(b"\xff" * size)
    target = tmp_path / "export"
    _treatment, notes = render(plan_of(paths, (3.3, 9)), paths, "avi", target)

    pictures, expected = play(target).pictures, wanted(source, 3.3, 9)
    assert len(pictures) == len(expected)
    assert pictures[:12] == expected[:12]
    assert pictures[27:] == expected[27:]
    assert any("damaged" in note for note in notes)


def mixed(tmp_path):
    """Two segments of H.264, then two of H.265."""
    later = BEGIN + timedelta(seconds=8)
    return [
        *Footage(seconds=8).make(tmp_path / "before"),
        *Footage(seconds=8, begin=later, codec="hevc").make(tmp_path / "after"),
    ]


def test_refuses_a_change_of_codec_with_its_instant(tmp_path):
    with pytest.raises(CodecChanged, match="09:26:08"):
        plan_of(mixed(tmp_path), (3.37, 11.21))


@pytest.mark.parametrize("container", CONTAINERS)
def test_joins_two_codecs_when_asked_to(container, tmp_path):
    paths = mixed(tmp_path)
    target = tmp_path / "export"
    plan = plan_of(paths, (3.37, 11.21), transcode=True)
    treatment, notes = render(plan, paths, container, target)

    assert notes == []
    assert treatment.mode == "transcode"
    assert "changed its video codec" in treatment.warnings[0]
    result = play(target)
    assert result.pictures == wanted(Source(Footage()), 3.37, 11.21)
    assert result.codecs[0] == "h264"


@pytest.fixture
def stuck(tmp_path):
    """A plan that encodes, and paths whose last is a pipe nobody fills."""
    paths = SOURCES["H.264 AAC"].make(tmp_path / "archive")
    plan = plan_of(paths, (1.3, 11))
    paths[2] = tmp_path / "stuck"
    os.mkfifo(paths[2])
    yield plan, paths
    os.close(os.open(paths[2], os.O_RDWR | os.O_NONBLOCK))  # lets the feed go on to its end
    for thread in threading.enumerate():
        if thread.name == "feed":
            thread.join()


def test_a_cancelled_transcode_ends_at_once(stuck, tmp_path):
    plan, paths = stuck
    engine = FfmpegEngine(find_ffmpeg(), 600, treat(plan, "avi"))

    def unwanted(_part):
        raise Cancelled

    # Nothing else would end it before ten minutes are over.
    with pytest.raises(Cancelled):
        engine.render(plan, paths.__getitem__, tmp_path / "export", unwanted)
    assert children_of(os.getpid(), "ffmpeg") == []


def test_a_transcode_that_does_not_move_is_ended(stuck, tmp_path):
    plan, paths = stuck
    engine = FfmpegEngine(find_ffmpeg(), 1, treat(plan, "avi"))

    with pytest.raises(EngineFailed, match="stopped moving"):
        engine.render(plan, paths.__getitem__, tmp_path / "export", lambda _part: None)
    assert children_of(os.getpid(), "ffmpeg") == []


@pytest.mark.parametrize("container", ["avi", "flv", "asf", "ts", "mkv", "mov"])
def test_refuses_a_result_that_is_not_as_planned(container, tmp_path):
    paths = SOURCES["H.264 AAC"].make(tmp_path / "archive")
    del paths[1]
    target = tmp_path / "export"
    held = plan_of(paths, (2, 10), gaps=Gaps.KEEP)
    treatment, _notes = render(held, paths, container, target)

    with pytest.raises(NotVerified, match="pictures 35, found 40"):
        verify(target, plan_of(paths, (2, 9.5)), treatment)
    with pytest.raises(NotVerified, match=r"picture 21|8.000 s"):
        verify(target, plan_of(paths, (2, 10)), treatment)
    with target.open("r+b") as file:
        file.truncate(target.stat().st_size // 2)
    with pytest.raises(NotVerified):
        verify(target, held, treatment)


def test_refuses_sound_beside_its_place(tmp_path):
    paths = SOURCES["H.264 AAC"].make(tmp_path / "archive")
    made, late = tmp_path / "made.mkv", tmp_path / "late.mkv"
    plan = plan_of(paths, ON_KEYFRAME)
    treatment, _notes = render(plan, paths, "mkv", made)
    subprocess.run(
        [
            *(find_ffmpeg(), "-v", "error", "-i", made, "-itsoffset", "0.02", "-i", made),
            *("-map", "0:v", "-map", "1:a", "-c", "copy", late),
        ],
        check=True,
    )

    with pytest.raises(NotVerified, match="sound begins"):
        verify(late, plan, treatment)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", ["H.264 AAC", "H.265 AAC"])
def test_makes_a_file_of_one_picture(name, container, tmp_path):
    source = SOURCES[name]
    paths = source.make(tmp_path / "archive")
    target = tmp_path / "export"
    for cut in ((2, 2.1), (3.34, 3.35)):
        render(plan_of(paths, cut), paths, container, target)

        assert play(target).pictures == wanted(source, *cut)


def test_hides_no_sound_before_the_end(tmp_path):
    """Of Opus, unlike AAC, a muxer does not know by itself how long the last packet sounds."""
    sounding = tmp_path / "2026-03-14T09:26:00.mp4"
    (path,) = Footage(seconds=4, bframes=2, audio=None).make(tmp_path / "archive")
    opus = ("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "libopus", "-ar", "48000")
    beeps = beep_source(begin_of(path))
    subprocess.run(
        [find_ffmpeg(), "-v", "error", "-i", path, *beeps, *opus, "-shortest", sounding],
        check=True,
    )
    sounding.replace(path)
    target = tmp_path / "export"
    plan = plan_of([path], (1.3, 3.7))
    render(plan, [path], "mp4", target)

    with av.open(str(target)) as made:
        packets = [packet for packet in made.demux(audio=0) if packet.size]
    assert len(packets) == plan.audio_packets
    assert not any(packet.is_discard for packet in packets)


def test_refuses_h265_whose_changes_no_player_would_see(tmp_path):
    paths = []
    for index, width in enumerate((160, 320)):
        begin = BEGIN + timedelta(seconds=index * 4)
        footage = Footage(seconds=4, begin=begin, width=width, codec="hevc")
        paths += footage.make(tmp_path / str(index))
    target = tmp_path / "export"
    plan = plan_of(paths, (2, 6))
    treatment, _notes = render(plan, paths, "mp4", target)

    made = target.read_bytes()
    assert made.count(b"hev1") == 1
    target.write_bytes(made.replace(b"hev1", b"hvc1"))
    with pytest.raises(NotVerified, match="forms of picture 2, found 1"):
        verify(target, plan, treatment)
