"""The synthetic camera: its picture, its sound, its addresses, its footage."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from cameras.archive.capture import start_capture
from cameras.archive.inputs import demo_facts, open_input, track_arguments
from cameras.archive.muxing import segment_arguments
from cameras.demo.camera import DemoCamera
from cameras.demo.encoding import Encoding
from cameras.demo.footage import RenderFailed, render_footage
from cameras.demo.numbers import read_number
from cameras.demo.options import read_encoding
from cameras.demo.picture import Picture, frame_instant, frame_number
from cameras.sources import BadSource
from tests.footage import BEGIN, Footage, begin_of, decode_beeps, decode_numbers
from tests.running import PATIENCE_SECONDS
from vms.media.ffmpeg import find_ffmpeg
from vms.media.probe import read_media

KINDS = {
    "plain": Footage(),
    "b-frames": Footage(bframes=2),
    "b-frames in plain mp4": Footage(bframes=2, container="mp4"),
    "transport stream": Footage(container="mpegts"),
    "h265": Footage(codec="hevc", bframes=2),
    "keyframes off the second": Footage(fps=15, gop=23, bframes=2),
}


@pytest.mark.parametrize("size", [(160, 90), (640, 360), (1920, 1080)])
@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32 - 1, 0xDEADBEEF])
def test_draws_a_number_that_can_be_read(size, number):
    assert read_number(gray_of(Picture(*size, fps=25).frame(number), *size)) == number


def test_numbers_wrap_at_32_bits():
    assert read_number(gray_of(Picture(160, 90, fps=25).frame(2**32 + 7), 160, 90)) == 7


def test_reads_no_number_from_other_pictures():
    noise = np.random.default_rng(1).integers(0, 255, (90, 160), dtype=np.uint8)

    assert read_number(noise) is None
    assert read_number(np.full((90, 160), 128, dtype=np.uint8)) is None
    assert read_number(np.full((4, 4), 128, dtype=np.uint8)) is None


def test_reads_no_number_from_a_half_decoded_picture():
    gray = gray_of(Picture(160, 90, fps=25).frame(12345), 160, 90)
    gray[20:] = gray[20]

    assert read_number(gray) is None


def test_its_picture_moves_and_its_clock_runs():
    one, other = (gray_of(Picture(160, 90, fps=10).frame(n), 160, 90) for n in (100, 101))

    assert (one[72:] != other[72:]).any()
    assert (one[48:60] != other[48:60]).any()


@pytest.mark.parametrize("fps", [1, 10, 15, 25, 30])
def test_a_frame_is_on_screen_from_its_instant_to_the_next(fps):
    number = frame_number(datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC), fps)
    begin, end = frame_instant(number, fps), frame_instant(number + 1, fps)

    assert frame_number(begin, fps) == number
    assert frame_number(end - timedelta(microseconds=1), fps) == number
    assert frame_number(end, fps) == number + 1


@pytest.mark.ffmpeg
@pytest.mark.parametrize("kind", KINDS)
def test_makes_footage_whose_every_frame_is_at_its_instant(tmp_path, kind):
    footage = KINDS[kind]

    segments = footage.make(tmp_path)

    shown = [number for one in segments for _, number in decode_numbers(one)]
    assert shown == footage.numbers_in(footage.begin, footage.end)
    assert begin_of(segments[0]) == footage.begin
    for one, two in pairwise(segments):
        duration = timedelta(seconds=float(read_media(one).duration))
        assert abs(begin_of(two) - begin_of(one) - duration) <= timedelta(microseconds=1)
    for one in segments:
        assert decode_numbers(one)[0][1] == footage.number_at(begin_of(one))


@pytest.mark.ffmpeg
def test_beeps_at_each_full_second(tmp_path):
    begin = BEGIN + timedelta(milliseconds=300)
    footage = Footage(begin=begin, seconds=8, segment_seconds=60)

    [film] = footage.make(tmp_path)

    beeps = decode_beeps(film)
    assert len(beeps) == 8
    for beep in beeps:
        heard_at = begin + timedelta(seconds=beep)
        assert min(heard_at.microsecond, 1_000_000 - heard_at.microsecond) < 2_000


@pytest.mark.ffmpeg
def test_makes_footage_without_sound(tmp_path):
    first = Footage(audio=None, seconds=4).make(tmp_path)[0]

    assert read_media(first).audio is None
    assert decode_beeps(first) == []


@pytest.mark.ffmpeg
def test_making_footage_leaves_only_segments(tmp_path):
    render_footage(
        find_ffmpeg(), tmp_path, BEGIN, 4, encoding=Encoding(width=160, height=90, fps=10, gop=20)
    )

    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")]
    assert files == ["2026-03-14/09/20260314T092600.000000Z.mp4"]


@pytest.mark.ffmpeg
def test_says_when_ffmpeg_fails(tmp_path):
    with pytest.raises(RenderFailed):
        render_footage(
            find_ffmpeg(), tmp_path / "own", BEGIN, 1, encoding=Encoding(audio="no_such_codec")
        )

    assert list((tmp_path / "own").iterdir()) == []


def test_reads_the_options_of_its_address():
    encoding = read_encoding("demo:?size=320x180&fps=5&gop=7&sound=0&tint=90x150")

    assert encoding == Encoding(320, 180, 5, 7, audio=None, tint=(90, 150))
    assert read_encoding("demo:") == Encoding(640, 360, 15, 30)


@pytest.mark.parametrize(
    "query",
    [
        "fps=0",
        "fps=61",
        "fps=x",
        "size=10x10",
        "size=641x360",
        "size=640",
        "size=axb",
        "color=red",
        "sound=2",
        "tint=300x1",
        "gop=",
        "fps=-1",
    ],
)
def test_refuses_options_it_does_not_know_or_cannot_meet(query):
    with pytest.raises(BadSource):
        read_encoding(f"demo:?{query}")


async def test_delivers_frames_at_their_instants():
    camera = DemoCamera.connect("demo:?size=160x90&fps=25", datetime.now(UTC))
    reader = Reader(frames=10, size=160 * 90 * 3 // 2)

    await asyncio.wait_for(camera.feed(reader), PATIENCE_SECONDS)

    assert [number for number, _ in reader.got] == [camera.first % 2**32 + i for i in range(10)]
    for index, (_, at) in enumerate(reader.got):
        due = camera.begin + timedelta(seconds=float(Fraction(index, 25)))
        assert at >= due


async def test_ends_when_the_wall_clock_has_jumped():
    camera = DemoCamera.connect("demo:?size=160x90&fps=25", datetime.now(UTC) - timedelta(hours=1))
    reader = Reader(frames=10, size=160 * 90 * 3 // 2)

    await asyncio.wait_for(camera.feed(reader), PATIENCE_SECONDS)

    assert reader.got == []
    assert reader.is_closed


async def test_a_recording_ends_with_its_pictures_though_the_sound_has_no_end(tmp_path):
    source = open_input("demo:?size=160x90&fps=25", datetime.now(UTC) - timedelta(hours=1))
    assert source.demo is not None
    tracks = track_arguments(source, demo_facts(source.demo.encoding))
    output = segment_arguments(pattern=str(tmp_path / "%06d.mp4"), seconds=10, list_to="pipe:1")

    capture = await start_capture(find_ffmpeg(), source, [*tracks, *output])
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for _closed in capture.run():
            pass

    assert capture.process.returncode is not None


class Reader:
    """Stands where ffmpeg's stdin is: takes frames and goes away after some."""

    def __init__(self, frames: int, size: int) -> None:
        self.frames = frames
        self.size = size
        self.got: list[tuple[int | None, datetime]] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert len(data) == self.size
        self.got.append((read_number(gray_of(data, 160, 90)), datetime.now(UTC)))

    async def drain(self) -> None:
        if len(self.got) == self.frames:
            raise BrokenPipeError

    def close(self) -> None:
        self.is_closed = True


def gray_of(frame: bytes, width: int, height: int) -> np.ndarray:
    plane = np.frombuffer(frame, np.uint8, width * height)
    return plane.reshape(height, width).copy()
