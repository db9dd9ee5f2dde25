"""The verifier finds what a container holds beside the plan."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import av
import pytest

from cameras.demo.sound import beep_source
from exports.engines.verify import verify
from exports.errors import NotVerified
from exports.terms import Gaps
from tests.exports.test_containers import (
    ON_KEYFRAME,
    SOURCES,
    plan_of,
    render,
)
from tests.footage import BEGIN, Footage, begin_of
from vms.media.ffmpeg import find_ffmpeg

pytestmark = pytest.mark.ffmpeg


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
