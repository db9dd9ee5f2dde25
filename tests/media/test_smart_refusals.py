"""What cannot be cut without hidden pictures, and is said so."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest

from tests.media.smart_cuts import GOP, RATE, cut_at, record, source_of
from vms.media.ffmpeg import find_ffmpeg
from vms.media.smart import reencode as limits
from vms.media.smart.reencode import reencode
from vms.media.smart.source import Unencodable

pytestmark = pytest.mark.ffmpeg


@pytest.mark.parametrize(
    ("params", "form", "reason"),
    [
        ("bframes=0", "yuv422p", "profile"),
        ("bframes=0", "yuv444p", "profile"),
        ("bframes=0", "yuv420p10le", "profile"),
        ("bframes=0", "gray", "colour format"),
    ],
)
def test_refuses_unusual_pictures(tmp_path, params, form, reason):
    segment = record(tmp_path / "a.mp4", "h264", params, form=form)

    with pytest.raises(Unencodable, match=reason):
        cut_at(segment, 15)


def test_refuses_interlaced_pictures(tmp_path):
    segment = tmp_path / "a.mp4"
    # the encoder inside PyAV makes none
    command = [
        *(find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", f"testsrc=s=160x96:r={RATE}"),
        *("-t", "4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", str(GOP)),
        *("-flags", "+ildct+ilme", "-x264-params", "tff=1", segment),
    ]
    subprocess.run(command, check=True)

    with pytest.raises(Unencodable, match="interlaced"):
        cut_at(segment, 15)


def test_refuses_unusual_pictures_of_h265(tmp_path):
    segment = record(tmp_path / "a.mp4", "hevc", form="yuv422p")

    with pytest.raises(Unencodable, match="colour format"):
        cut_at(segment, 15)


def test_refuses_other_codecs(tmp_path):
    source = source_of(record(tmp_path / "a.mp4"))
    entry = source.entry[:4] + b"mp4v" + source.entry[8:]

    with pytest.raises(Unencodable, match=r"neither H\.264 nor H\.265"):
        reencode(replace(source, entry=entry), int(source.shown[5]), int(source.shown[-1]))


@pytest.mark.parametrize("length", [80, 90, 100, 110, 120])
def test_refuses_a_damaged_entry(tmp_path, length):
    source = source_of(record(tmp_path / "a.mp4"))

    with pytest.raises(Unencodable, match="parameters"):
        reencode(replace(source, entry=source.entry[:length]), int(source.shown[5]), 10**9)


@pytest.mark.parametrize("where", [10, 13, 16])
def test_refuses_damaged_pictures(tmp_path, where):
    segment = record(tmp_path / "a.mp4")
    source = source_of(segment)
    with segment.open("r+b") as file:
        file.seek(int(source.at[where]))
        file.write(b"\xff" * int(source.size[where]))

    with pytest.raises(Unencodable, match="damaged"):
        cut_at(segment, 15)


def test_refuses_a_segment_that_became_shorter(tmp_path):
    segment = record(tmp_path / "a.mp4")
    source = source_of(segment)
    os.truncate(segment, int(source.at[7]))

    with pytest.raises(Unencodable, match="shorter"):
        reencode(source, int(source.shown[5]), int(source.shown[-1]))


def test_refuses_a_begin_before_any_keyframe(tmp_path):
    source = source_of(record(tmp_path / "a.mp4"))

    with pytest.raises(Unencodable, match="keyframe"):
        reencode(source, int(source.shown[0]) - 1, int(source.shown[-1]))
    with pytest.raises(Unencodable, match="keyframe"):
        reencode(source_of(source.path, 3), int(source.shown[5]), int(source.shown[-1]))


@pytest.mark.parametrize(
    ("limit", "value"), [("MOST_PICTURES", 9), ("MOST_PIXELS", 70_000), ("MOST_BYTES", 1000)]
)
def test_refuses_what_takes_too_long_or_too_much(tmp_path, monkeypatch, limit, value):
    segment = record(tmp_path / "a.mp4")
    monkeypatch.setattr(limits, limit, value)

    with pytest.raises(Unencodable, match="too many"):
        cut_at(segment, 5)


def test_stops_when_the_clock_says_so(tmp_path):
    class Cancelled(Exception):
        pass

    ticks = []

    def tick():
        ticks.append(1)
        if len(ticks) == 7:
            raise Cancelled

    segment = record(tmp_path / "a.mp4")
    with pytest.raises(Cancelled):
        cut_at(segment, 12, tick=tick)
    assert len(ticks) == 7
