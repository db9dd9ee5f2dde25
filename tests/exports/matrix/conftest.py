"""The engines every case goes through, and archives shared by the cases of a module."""

from __future__ import annotations

import pytest

from exports.engines.ffmpeg import FfmpegEngine
from exports.engines.splice import SpliceEngine
from vms.media.ffmpeg import find_ffmpeg

STALL_SECONDS = 60


@pytest.fixture(params=["splice", "ffmpeg"])
def engine(request):
    return make_engine(request.param)


@pytest.fixture
def engines():
    return [make_engine("splice"), make_engine("ffmpeg")]


def make_engine(name):
    return SpliceEngine() if name == "splice" else FfmpegEngine(find_ffmpeg(), STALL_SECONDS)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "export.mp4"
