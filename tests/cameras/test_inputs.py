"""How sources are handed to ffmpeg and what is learnt of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cameras.archive.inputs import Facts, open_input, read_facts, track_arguments
from cameras.sources import BadSource

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
FACTS = Facts("h264", "aac", 160, 90)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_hands_network_addresses_over_on_stdin(scheme):
    source = open_input(f"{scheme}://viewer:hunter2@camera.example/live?token=t0ken", NOW)

    assert not any("hunter2" in word or "t0ken" in word for word in source.arguments)
    for script in (source.script, source.probe_script):
        assert b"viewer:hunter2@camera.example/live?token=t0ken" in script


def test_a_quote_in_an_address_cannot_end_its_line():
    source = open_input("http://camera.example/it's/x", NOW)

    assert rb"file 'http://camera.example/it'\''s/x'" in source.script


def test_reads_files_whose_names_hold_escapes():
    source = open_input("file:///films/a%20film.mp4", NOW)

    assert source.arguments[-1] == "file:/films/a film.mp4"
    assert source.script is None


def test_refuses_a_demo_camera_with_unknown_options():
    with pytest.raises(BadSource):
        open_input("demo:?colour=red", NOW)


@pytest.mark.parametrize(
    ("audio", "codec"), [("aac", "copy"), ("opus", "copy"), ("pcm_mulaw", "aac")]
)
def test_copies_sound_that_mp4_holds_and_encodes_other(audio, codec):
    arguments = track_arguments(
        open_input("rtsp://camera.example/", NOW), Facts("h264", audio, 1, 1)
    )

    assert arguments[arguments.index("-c:a") + 1] == codec


def test_records_without_sound_when_there_is_none():
    arguments = track_arguments(
        open_input("rtsp://camera.example/", NOW), Facts("hevc", None, 1, 1)
    )

    assert "-c:a" not in arguments
    assert "hvc1" in arguments


def test_reads_what_a_source_holds():
    printed = (
        "#software: Lavf\n#tb 0: 1/90000\n#media_type 0: video\n#codec_id 0: h264\n"
        "#dimensions 0: 640x360\n#tb 1: 1/8000\n#media_type 1: audio\n#codec_id 1: pcm_alaw\n"
    )

    assert read_facts(printed) == Facts("h264", "pcm_alaw", 640, 360)
    assert read_facts("") is None
    assert read_facts("#codec_id 0: h264\n#dimensions 0: 0\n") is None
