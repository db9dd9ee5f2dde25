"""MP3, as some cameras record it: copied wherever the container can hold it at that rate."""

from __future__ import annotations

import subprocess

import pytest

from cameras.demo.sound import beep_source
from exports.engines.containers import CONTAINERS
from tests.exports.test_containers import SYNC, plan_of, play, render
from tests.footage import Footage, begin_of
from vms.media.ffmpeg import find_ffmpeg
from vms.media.probe import read_media

pytestmark = pytest.mark.ffmpeg

FOOTAGE = Footage(seconds=4, audio=None)
HOLD_MP3 = {"mp4", "mov", "mkv", "ts"}
# Not at each rate, or not to the sample; asf where its packets do not stick out.
CANNOT_HOLD_MP3 = {"flv", "avi"}


@pytest.fixture
def recorded(tmp_path):
    """Make a segment with a beep each second, as MP3 at a rate in hertz."""

    def recorded(rate, form):
        (path,) = FOOTAGE.make(tmp_path / "archive")
        made = tmp_path / f"{path.stem}.{form}"
        subprocess.run(
            [
                *(find_ffmpeg(), "-v", "error", "-i", path, *beep_source(begin_of(path))),
                *("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "libmp3lame"),
                *("-ar", str(rate), "-strict", "unofficial", "-shortest", made),
            ],
            check=True,
        )
        made.replace(path)
        return path

    return recorded


@pytest.mark.parametrize("form", ["mp4", "ts", "mkv"])
def test_is_called_by_the_name_of_its_codec_whoever_reads_it(recorded, form):
    path = recorded(16_000, form)
    assert read_media(path).audio.codec == "mp3"
    assert plan_of([path], (1, 2)).audio.codec == "mp3"


@pytest.mark.parametrize(
    ("rate", "form", "container"),
    [*((8_000, "ts", name) for name in CONTAINERS), (8_000, "mp4", "mp4"), (16_000, "mp4", "flv")],
)
def test_is_copied_where_it_can_be_and_encoded_anew_where_not(
    recorded, tmp_path, rate, form, container
):
    path, target = recorded(rate, form), tmp_path / "export"

    treatment, _notes = render(plan_of([path], (1.3, 3.7)), [path], container, target)

    if container in HOLD_MP3:
        assert treatment.audio is None
    if container in CANNOT_HOLD_MP3:
        assert treatment.audio == "aac"
    is_told = any("cannot hold MP3 sound" in words for words in treatment.warnings)
    assert is_told is (treatment.audio is not None)
    played = play(target)
    assert len(played.pictures) in {24, 25}  # sound that begins late moves them by part of one
    assert len(played.beeps) == 2
    assert played.beeps[1] - played.beeps[0] == pytest.approx(1, abs=SYNC)
