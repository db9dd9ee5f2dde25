"""The picture of an instant is the very one on screen then, whatever the recording is like."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from previews.errors import CannotRender
from previews.rendering_jpeg import encode_jpeg
from previews.rendering_pictures import render_picture
from previews.signing import micros
from tests.footage import BEGIN, Footage, begin_of
from tests.previews.looking import number_of, picture_of, size_of

pytestmark = pytest.mark.ffmpeg
FORMS = [
    Footage(seconds=9),
    Footage(seconds=9, bframes=2),
    Footage(seconds=9, codec="hevc"),
    Footage(seconds=9, codec="hevc", bframes=2),
    Footage(seconds=9, container="mp4", audio=None),
    Footage(seconds=9, container="mpegts"),
]
FRAME = timedelta(seconds=0.1)
MICROSECOND = timedelta(microseconds=1)


def told(paths: list[Path]) -> list[dict[str, object]]:
    return [
        {
            "id": number,
            "begin": micros(begin_of(path)),
            "path": str(path),
            "sidecar": f"{path}.idx",
        }
        for number, path in enumerate(paths, 1)
    ]


@pytest.fixture
def render(tmp_path):
    target = tmp_path / "picture.jpg"

    def render(paths: list[Path], at: datetime, width: int | None = None) -> bytes:
        target.unlink(missing_ok=True)
        done = render_picture(segments=told(paths), at=micros(at), width=width, target=str(target))
        render.at = done["at"]
        return target.read_bytes()

    return render


@pytest.fixture
def footage():
    return FORMS[1]


@pytest.fixture
def paths(footage, tmp_path):
    return footage.make(tmp_path / "archive")


@pytest.mark.parametrize("footage", FORMS, ids=str)
def test_shows_the_picture_on_screen_at_any_instant(footage, paths, render):
    begins = [begin_of(path) for path in paths]
    steps = [BEGIN + timedelta(milliseconds=at) for at in range(0, 9000, 470)]
    joints = [begin + step for begin in begins[1:] for step in (-FRAME, -MICROSECOND, 0 * FRAME)]

    for at in [*steps, *joints, BEGIN, footage.end - FRAME, footage.end - MICROSECOND]:
        assert number_of(render(paths, at)) == footage.number_at(at), at
        assert micros(at) - 100_000 < render.at <= micros(at)


def test_shows_the_picture_that_stays_while_segments_change(footage, paths, tmp_path):
    segments = told(paths[:2])
    segments[0]["begin"] -= 150_000  # so it ends 150 ms before the second begins
    target = tmp_path / "held.jpg"

    at = micros(begin_of(paths[1])) - 75_000
    render_picture(segments=segments, at=at, width=None, target=str(target))

    assert number_of(target.read_bytes()) == footage.number_at(begin_of(paths[1]) - FRAME)


def test_shows_the_next_picture_in_a_gap(footage, paths, render):
    gap = begin_of(paths[1]) + timedelta(seconds=1)

    shown = number_of(render([paths[0], paths[2]], gap))

    assert shown == footage.number_at(begin_of(paths[2]))
    assert render.at == micros(begin_of(paths[2]))


def test_shows_the_first_picture_before_the_archive_begins(footage, paths, render):
    assert number_of(render(paths, BEGIN - timedelta(hours=1))) == footage.number_at(BEGIN)
    assert render.at == micros(BEGIN)


def test_has_nothing_to_show_behind_the_end_of_the_archive(footage, paths, render):
    with pytest.raises(CannotRender, match="no footage"):
        render(paths, footage.end + timedelta(seconds=1))
    with pytest.raises(CannotRender, match="no footage"):
        render([], BEGIN)


@pytest.mark.parametrize(("width", "size"), [(None, (160, 90)), (80, (80, 44)), (640, (160, 90))])
def test_is_made_smaller_and_never_larger(paths, render, width, size):
    assert size_of(render(paths, BEGIN, width)) == size


# --- damage ---------------------------------------------------------------------------------


def overwrite(path: Path, begin: float, end: float, seed: int = 1) -> None:
    """Write noise over the part of a file between two shares of its size."""
    size = path.stat().st_size
    noise = np.random.default_rng(seed).bytes(int(size * end) - int(size * begin))
    with path.open("r+b") as file:
        file.seek(int(size * begin))
        file.write(noise)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, os.urandom(5000), b"\0\0\0\x08moov"])
def test_shows_the_next_good_picture_when_a_segment_is_garbage(footage, paths, render, content):
    paths[1].write_bytes(content)

    shown = number_of(render(paths, begin_of(paths[1]) + timedelta(seconds=1)))

    assert shown == footage.number_at(begin_of(paths[2]))


def test_says_damaged_when_there_is_no_other(paths, render):
    paths[1].write_bytes(b"\0" * 5000)

    with pytest.raises(CannotRender, match="damaged"):
        render(paths[1:2], begin_of(paths[1]) + timedelta(seconds=1))


def test_has_nothing_to_show_of_a_segment_that_is_gone(paths, render):
    paths[1].unlink()

    with pytest.raises(CannotRender):
        render(paths[1:2], begin_of(paths[1]) + timedelta(seconds=1))


@pytest.mark.parametrize("footage", [FORMS[1], FORMS[3], FORMS[5]], ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_shows_a_good_picture_or_none_whatever_is_overwritten(footage, paths, render, seed):
    """A picture of another time may come, a picture that is not one of the recording must not."""
    random = np.random.default_rng(seed)
    begin = random.uniform(0, 0.9)
    overwrite(paths[0], begin, begin + 0.1, seed)

    for at in (0.5, 1.5, 2.5, 3.5):
        try:
            jpeg = render(paths[:2], BEGIN + timedelta(seconds=at))
        except CannotRender:
            continue
        assert size_of(jpeg) == (160, 90)


# --- colours and shapes -----------------------------------------------------------------------


def grey(width=320, height=240, luma=126, **colours):
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (luma, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def colour(frame):
    rgb = picture_of(encode_jpeg(frame, None)).to_ndarray(format="rgb24")
    return rgb.reshape(-1, 3).mean(axis=0)


@pytest.mark.parametrize(("luma", "light"), [(16, 0), (126, 128), (235, 255)])
def test_shows_black_as_black_and_white_as_white(luma, light):
    assert colour(grey(luma=luma)) == pytest.approx([light] * 3, abs=3)


@pytest.mark.parametrize(("height", "green"), [(240, (0, 255, 0)), (720, (0, 255, 0))])
def test_shows_colours_as_players_do(height, green):
    """Pure green is written in other numbers by BT.601, for small pictures, and BT.709."""
    yuv = (145, 54, 34) if height == 240 else (173, 42, 26)
    frame = av.VideoFrame(320, height, "yuv420p")
    for plane, value in zip(frame.planes, yuv, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)

    assert colour(frame) == pytest.approx(green, abs=6)


def test_gives_points_that_are_not_square_their_shape():
    assert size_of(encode_jpeg(grey(720, 576), None, Fraction(16, 11))) == (1048, 576)
    assert size_of(encode_jpeg(grey(720, 576), 524, Fraction(16, 11))) == (524, 288)
