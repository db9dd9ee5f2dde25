"""Pictures and clips straight from a camera."""

from __future__ import annotations

import contextlib
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from previews.errors import CannotRender
from previews.rendering import Renderers
from previews.rendering_live import pull_clip, pull_picture
from tests.footage import BEGIN, Footage
from tests.previews.looking import number_of, numbers_of, size_of, streams_of
from tests.rtsp import PASSWORD, RtspServer
from tests.running import PATIENCE_SECONDS

pytestmark = [pytest.mark.ffmpeg, pytest.mark.processes]
FILM = Footage(seconds=4, gop=5, segment_seconds=4)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    (path,) = FILM.make(tmp_path_factory.mktemp("film"))
    return path


@pytest.fixture(scope="module")
def camera(film, tmp_path_factory):
    with contextlib.closing(RtspServer(film, tmp_path_factory.mktemp("camera"))) as camera:
        yield camera


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


def numbers_of_film():
    return set(FILM.numbers_in(FILM.begin, FILM.end))


def test_pulls_a_picture_from_a_camera(camera, target):
    pull_picture(url=camera.url, width=80, seconds=PATIENCE_SECONDS, target=str(target))

    picture = target.read_bytes()
    assert size_of(picture) == (80, 44)
    pull_picture(url=camera.url, width=None, seconds=PATIENCE_SECONDS, target=str(target))
    assert number_of(target.read_bytes()) in numbers_of_film()


def test_pulls_seconds_from_a_camera(camera, target):
    pull_clip(
        url=camera.url, length=1.0, keeps_codec=False, seconds=PATIENCE_SECONDS, target=str(target)
    )

    clip = target.read_bytes()
    numbers = numbers_of(clip)
    assert set(numbers) <= numbers_of_film()
    assert 9 <= len(numbers) <= 11
    assert streams_of(clip) == ["h264"]  # browsers do not play the G.711 of this camera


def test_the_password_is_in_no_command_line(camera, tmp_path):
    renderers = Renderers(1, PATIENCE_SECONDS)
    arguments = {"url": camera.url, "width": None, "seconds": 120, "target": str(tmp_path / "x")}

    renderers.submit("previews.rendering_live:pull_picture", arguments).result(PATIENCE_SECONDS)

    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = place.read_bytes()
            assert b"rendering_process" not in line or PASSWORD.encode() not in line


def test_encodes_what_browsers_do_not_play(tmp_path, target):
    hevc = Footage(seconds=4, codec="hevc", segment_seconds=4)
    (film,) = hevc.make(tmp_path / "film")

    url = f"file://{film}"
    pull_clip(url=url, length=2.0, keeps_codec=False, seconds=PATIENCE_SECONDS, target=str(target))
    encoded = target.read_bytes()
    pull_clip(url=url, length=2.0, keeps_codec=True, seconds=PATIENCE_SECONDS, target=str(target))

    assert streams_of(encoded) == ["h264", "aac"]
    assert streams_of(target.read_bytes()) == ["hevc", "aac"]
    wanted = hevc.numbers_in(BEGIN, BEGIN + timedelta(seconds=2))
    assert numbers_of(encoded) == numbers_of(target.read_bytes()) == wanted
    assert list(tmp_path.glob("target*")) == [target]


def test_gives_up_when_the_time_is_over(camera, target):
    with pytest.raises(CannotRender, match="no picture at the moment"):
        pull_picture(url=camera.url, width=None, seconds=-1, target=str(target))


def test_says_no_more_than_that_there_is_no_picture(target):
    with socket.socket() as deaf:  # taken, and nobody listens there
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        for url in (
            f"rtsp://viewer:secret@127.0.0.1:{port}/x",
            f"http://127.0.0.1:{port}/x",
            "file:///etc/hosts",
            "file:///nowhere",
        ):
            with pytest.raises(CannotRender) as refusal:
                pull_picture(url=url, width=None, seconds=5, target=str(target))
            assert refusal.value.message == "The camera delivers no picture at the moment."
