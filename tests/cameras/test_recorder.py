"""`manage.py record` as a process, with real ffmpeg and sources on loopback."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from cameras.demo.picture import frame_number
from tests.cameras.site import Row, Site, children, is_alive, wait_until
from tests.footage import Footage, decode_beeps, decode_numbers
from tests.rtsp import PASSWORD, RtspServer
from vms.media.ffmpeg import find_ffmpeg
from vms.media.process import tie_to_parent

pytestmark = [pytest.mark.ffmpeg, pytest.mark.processes]

DEMO = "demo:?size=160x90&fps=10&gop=10"
SECRETS = (PASSWORD, "hunter2", "t0ken")


@dataclass
class Recorded:
    """What a recorder left that was told to stop after some seconds.

    The RTSP camera hung up once: `unbroken` was recorded before, `lost` and `back` are the stream's
    status and disconnections after that and after the next segment.
    """

    site: Site
    demo: int
    rtsp: int
    http: int
    broken: int
    blocked: int
    unbroken: list[Row]
    lost: tuple[str, int]
    back: tuple[str, int]
    code: int
    seconds_to_stop: float
    command_lines: str


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    site = Site(tmp_path_factory.mktemp("template"))
    site.run("migrate", "--verbosity", "0")
    return site.database


@pytest.fixture
def site(tmp_path, template) -> Site:
    return Site(tmp_path / "site", template)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    footage = Footage(seconds=30, fps=25, gop=25, segment_seconds=60, container="mp4")
    return footage.make(tmp_path_factory.mktemp("film"))[0]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, template, film) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    site = Site(folder / "site", template)
    with contextlib.closing(RtspServer(film, folder)) as camera, http_camera(film) as address:
        demo, rtsp, http, broken, blocked = site.add_streams(
            DEMO,
            camera.url,
            f"http://viewer:hunter2@{address}/live?token=t0ken",
            "http://viewer:hunter2@127.0.0.1:1/live?token=t0ken",
            DEMO,
        )
        site.block(blocked)
        recorder = site.start_recorder()
        try:
            for stream in (demo, rtsp, http):
                wait_until(lambda one=stream: len(site.segments(one)) >= 3, "segments are there")
            command_lines = read_command_lines([recorder.pid, *children(recorder)])
            camera.hang_up()
            wait_until(lambda: site.stream(rtsp)[0] == "inactive", "the loss is noticed")
            lost, unbroken = site.stream(rtsp), site.segments(rtsp)
            wait_until(lambda: len(site.segments(rtsp)) > len(unbroken), "it records again")
            back = site.stream(rtsp)
            told_at = time.monotonic()
            recorder.terminate()
            code = recorder.wait(timeout=20)
            seconds = time.monotonic() - told_at
        finally:
            recorder.kill()
            recorder.wait()
    return Recorded(
        site, demo, rtsp, http, broken, blocked, unbroken, lost, back, code, seconds, command_lines
    )


@contextlib.contextmanager
def http_camera(film: Path):
    """Serve *film* over and over as a transport stream in real time; yields host and port."""

    class Live(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            command = [
                *(
                    str(find_ffmpeg()),
                    "-nostdin",
                    "-loglevel",
                    "error",
                    "-re",
                    "-stream_loop",
                    "-1",
                ),
                *("-i", str(film), "-c", "copy", "-f", "mpegts", "pipe:1"),
            ]
            sender = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=tie_to_parent())
            try:
                with contextlib.suppress(OSError):
                    while data := sender.stdout.read1(65_536):
                        self.wfile.write(data)
            finally:
                sender.kill()
                sender.communicate()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Live)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read_command_lines(pids: list[int]) -> str:
    lines = []
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_text())
    return "\n".join(lines)


def test_files_touching_segments_whose_frames_are_those_of_the_wall_clock(recorded):
    segments = recorded.site.segments(recorded.demo)

    assert len(segments) >= 3
    assert all(one.end == two.begin for one, two in pairwise(segments))
    numbers = [number for one in segments for _, number in decode_numbers(one.path)]
    first = frame_number(segments[0].begin + timedelta(microseconds=1), 10)
    assert numbers == [(first + index) % 2**32 for index in range(len(numbers))]
    duration = segments[-1].end - segments[0].begin
    assert len(numbers) == duration / timedelta(seconds=0.1)


def test_records_sound_where_its_picture_is(recorded):
    segment = recorded.site.segments(recorded.demo)[1]

    beeps = decode_beeps(segment.path)

    assert beeps
    for beep in beeps:
        heard_at = segment.begin + timedelta(seconds=beep)
        assert beep < 0.1 or min(heard_at.microsecond, 1_000_000 - heard_at.microsecond) < 5_000


def test_records_rtsp_and_turns_its_telephone_sound_into_aac(recorded):
    segments = recorded.unbroken

    assert {segment.audio_codec for segment in segments} == {"aac"}
    # RTP's clock is set anew when the first sender report arrives, by what packets took till then.
    assert_unbroken(segments, fps=25, jitter=timedelta(milliseconds=100))
    assert decode_beeps(segments[-2].path)


def test_records_http(recorded):
    segments = recorded.site.segments(recorded.http)

    assert {segment.audio_codec for segment in segments} == {"aac"}
    assert_unbroken(segments, fps=25)


def assert_unbroken(segments, fps, jitter=timedelta(milliseconds=8)):
    """Every frame once, in order, and at the time its number says relative to the first.

    Network sources time their packets to a fraction of a millisecond.
    """
    shown = []
    for one in segments:
        frames = decode_numbers(one.path)
        zero = one.begin - timedelta(seconds=float(frames[0][0]))
        shown += [(zero + timedelta(seconds=float(at)), number) for at, number in frames]
    begin, first = shown[0]
    assert [number for _, number in shown] == list(range(first, first + len(shown)))
    for at, number in shown:
        assert abs(at - begin - timedelta(seconds=float(Fraction(number - first, fps)))) < jitter
    for one, two in pairwise(segments):
        assert abs(two.begin - one.end) < jitter


def test_stops_within_seconds_and_leaves_nothing_open(recorded):
    assert recorded.code == 0
    assert recorded.seconds_to_stop < 5
    assert recorded.site.leftovers() == []
    assert recorded.site.stream(recorded.demo) == ("inactive", 0)


def test_shows_no_credentials_in_logs_or_command_lines(recorded):
    log = recorded.site.log.read_text()

    assert "recording interrupted" in log  # the broken one: what ffmpeg said of it is there
    for secret in SECRETS:
        assert secret not in log
        assert secret not in recorded.command_lines


def test_a_source_that_cannot_be_reached_does_not_count_as_disconnected(recorded):
    assert recorded.site.stream(recorded.broken) == (None, 0)


def test_a_folder_that_cannot_be_written_is_named_and_stops_no_other_stream(recorded):
    log = recorded.site.log.read_text()

    assert "the archive cannot be written" in log
    assert recorded.site.segments(recorded.blocked) == []
    assert recorded.site.segments(recorded.demo)


def test_connects_again_when_the_source_hangs_up_and_counts_it(recorded):
    later = [one for one in recorded.site.segments(recorded.rtsp) if one not in recorded.unbroken]

    assert recorded.lost == ("inactive", 1)
    assert recorded.back == ("active", 1)
    assert_unbroken(later, fps=25)
    assert later[0].begin > recorded.unbroken[-1].end


def test_notices_streams_that_come_and_go(site):
    recorder = site.start_recorder()
    try:
        stream = site.add_stream(DEMO)
        wait_until(lambda: site.stream(stream)[0] == "active", "the new stream is recorded")
        site.change("UPDATE cameras_stream SET is_enabled = 0 WHERE id = ?", stream)
        wait_until(lambda: site.stream(stream) == ("inactive", 0), "the stream is let go")
        assert children(recorder) == []
        assert len(site.segments(stream)) >= 1
    finally:
        recorder.terminate()
        assert recorder.wait(timeout=20) == 0


def test_killed_it_takes_ffmpeg_along_and_its_successor_salvages_the_leftover(site):
    # A fragment is written at each keyframe: five times a second here.
    stream = site.add_stream("demo:?size=160x90&fps=10&gop=2")
    recorder = site.start_recorder()
    try:
        wait_until(lambda: len(site.segments(stream)) >= 1, "a segment is closed")
        wait_until(lambda: any(path.stat().st_size > 2000 for path in site.leftovers()), "more")
        helpers = children(recorder)
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
        assert successor.wait(timeout=20) == 0

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
            assert recorder.wait(timeout=20) == 0
