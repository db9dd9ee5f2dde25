"""`manage.py record` as a process: streams come and go, it is killed, it has a rival."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from cameras.demo.picture import frame_number
from tests.cameras.site import DEMO, children, is_alive, wait_until
from tests.footage import decode_numbers
from tests.running import PATIENCE_SECONDS

pytestmark = [pytest.mark.ffmpeg, pytest.mark.processes]


def test_notices_streams_that_come_and_go(site):
    recorder = site.start_recorder()
    try:
        stream = site.add_stream(DEMO)
        wait_until(lambda: site.stream(stream)[0] == "active", "the new stream is recorded")
        site.change("UPDATE cameras_stream SET is_enabled = 0 WHERE id = ?", stream)
        wait_until(lambda: site.stream(stream) == ("inactive", 0), "the stream is let go")
        assert children(recorder) == []
        wait_until(lambda: len(site.segments(stream)) >= 1, "what was recorded is there")
    finally:
        recorder.terminate()
        assert recorder.wait(timeout=PATIENCE_SECONDS) == 0


def test_killed_it_takes_ffmpeg_along_and_its_successor_salvages_the_leftover(site):
    # So long that one stays open for a while, also where a machine is slow to look.
    site.environ["VMS_SEGMENT_SECONDS"] = "4"
    # A fragment is written at each keyframe: five times a second here.
    stream = site.add_stream("demo:?size=160x90&fps=10&gop=2")
    recorder = site.start_recorder()
    try:
        helpers = site.stop_amid(recorder, size=2000)
        assert helpers
    finally:
        recorder.send_signal(signal.SIGKILL)
        recorder.wait()
    wait_until(lambda: not any(map(is_alive, helpers)), "ffmpeg is gone")
    open_files = [path for path in site.leftovers() if path.suffix == ".mp4"]
    assert open_files
    before = site.segments(stream)

    successor = site.start_recorder()
    try:
        wait_until(lambda: len(site.segments(stream)) > len(before), "the leftover is filed")
    finally:
        successor.terminate()
        assert successor.wait(timeout=PATIENCE_SECONDS) == 0

    salvaged = site.segments(stream)[len(before)]
    assert salvaged.begin == before[-1].end
    first = frame_number(salvaged.begin + timedelta(microseconds=1), 10)
    numbers = [number for _, number in decode_numbers(salvaged.path)]
    assert numbers == [(first + index) % 2**32 for index in range(len(numbers))]
    assert "leftover salvaged" in site.log.read_text()
    assert site.leftovers() == []


def test_a_second_recorder_leaves_the_first_ones_streams_alone(site):
    stream = site.add_stream(DEMO)
    first, second = site.start_recorder(), None
    try:
        wait_until(lambda: site.stream(stream)[0] == "active", "the first records")
        second = site.start_recorder()
        wait_until(lambda: "another recorder" in site.log.read_text(), "the second notices")
        assert children(second) == []
    finally:
        for recorder in filter(None, (first, second)):
            recorder.terminate()
            assert recorder.wait(timeout=PATIENCE_SECONDS) == 0
