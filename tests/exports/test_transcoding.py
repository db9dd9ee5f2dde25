"""Pictures encoded anew: damage, two codecs in one file, and an end when it is asked for."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import av
import pytest

from exports.engines.containers import CONTAINERS
from exports.engines.ffmpeg import FfmpegEngine
from exports.engines.treatment import treat
from exports.errors import Cancelled, CodecChanged, EngineFailed
from tests.exports.test_containers import (
    SOURCES,
    Source,
    plan_of,
    play,
    render,
    wanted,
)
from tests.exports.test_engines import children_of
from tests.footage import BEGIN, Footage
from vms.media.ffmpeg import find_ffmpeg

pytestmark = pytest.mark.ffmpeg


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
