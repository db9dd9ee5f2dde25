"""Containers without edit lists: packets of sound that stick out do not make the file longer."""

from __future__ import annotations

import subprocess

import pytest

from cameras.demo.sound import beep_source
from exports.engines.hearing import planned_sound, sticks_out
from tests.exports.test_containers import Source as Archive
from tests.exports.test_containers import plan_of, play, render, wanted
from tests.footage import Footage, begin_of
from tests.psim.test_table import play as play_elsewhere
from vms.media.ffmpeg import find_ffmpeg

pytestmark = pytest.mark.ffmpeg

# A picture lasts 40 ms, a packet of AAC at 16 kHz 64 ms, at 8 kHz 128 ms.
SILENT = Footage(seconds=4, fps=25, gop=25, segment_seconds=4, audio=None, container="mp4")
FROM, TO = 1, 3.58


def with_aac(path, rate):
    """Give a silent segment AAC sound of another rate."""
    sounding = path.with_suffix(".mov")
    subprocess.run(
        [
            *(find_ffmpeg(), "-v", "error", "-i", path, *beep_source(begin_of(path))),
            *("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-ar", rate),
            *("-shortest", sounding),
        ],
        check=True,
    )
    sounding.replace(path)
    return path


@pytest.mark.parametrize("rate", ["8000", "16000", "96000"])
@pytest.mark.parametrize("container", ["flv", "asf", "avi"])
def test_is_as_long_as_its_pictures_within_one(container, rate, tmp_path):
    paths = [with_aac(path, rate) for path in SILENT.make(tmp_path / "archive")]
    target = tmp_path / f"export.{container}"
    plan = plan_of(paths, (FROM, TO))
    treatment, notes = render(plan, paths, container, target)

    assert notes == []
    numbers, length, _said = play_elsewhere(find_ffmpeg(), target)
    assert numbers == wanted(Archive(SILENT), FROM, TO)
    assert length == pytest.approx(TO - FROM, abs=1 / SILENT.fps)
    assert play(target).beeps[-2:] == pytest.approx([1, 2], abs=0.005)
    # What need not be encoded is not, and what is is said.
    is_copied = rate == "96000" and container != "avi"
    assert (treatment.mode == "copy") is is_copied is not bool(treatment.warnings)


def test_measures_what_sticks_out(tmp_path):
    paths = [with_aac(path, "8000") for path in SILENT.make(tmp_path)]
    plan = plan_of(paths, (FROM, TO))
    sound = planned_sound(plan)
    assert -0.128 <= sound.begin / 1e9 <= 0
    assert TO - FROM - 0.04 <= sound.end / 1e9 <= TO - FROM + 0.128
    assert sticks_out(plan)
