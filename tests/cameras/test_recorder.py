"""What `manage.py record` records: a process, with real ffmpeg and sources on loopback."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from cameras.demo.picture import frame_number
from tests.cameras.hearing import assert_heard_with_its_picture, pictures_of
from tests.cameras.site import DEMO, Row, Site, children, wait_until
from tests.footage import Footage, decode_numbers
from tests.rtsp import PASSWORD, REAL_TIME, RtspServer
from tests.running import PATIENCE_SECONDS
from vms.media.ffmpeg import find_ffmpeg
from vms.media.process import tie_to_parent

# What takes longest here is `recorded`: one process of the test run makes it (tests/scheduling.py).
pytestmark = [pytest.mark.ffmpeg, pytest.mark.processes]

# So long that no source comes to its end, where it would begin anew, however slow the machine is.
FILM = Footage(seconds=300, fps=25, gop=25, segment_seconds=600, container="mp4")
CLOCK_SET = "the source set its clock"
SECRETS = (PASSWORD, "hunter2", "t0ken")


@dataclass
class Recorded:
    """What a recorder left that was told to stop after some seconds.

    The RTSP camera hung up once: `unbroken` was recorded before, `lost` and `back` are the stream's
    status and disconnections after that and after the next segment. `later` is what was recorded
    from then on: its first sender report came late, and at last the camera set its clock by an
    hour.
    """

    site: Site
    demo: int
    rtsp: int
    http: int
    broken: int
    blocked: int
    unbroken: list[Row]
    later: list[Row]
    lost: tuple[str, int]
    back: tuple[str, int]
    code: int
    command_lines: str


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    return FILM.make(tmp_path_factory.mktemp("film"))[0]


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
                wait_until(lambda one=stream: len(site.segments(one)) >= 4, "segments are there")
            command_lines = read_command_lines([recorder.pid, *children(recorder)])
            camera.reports_at_once = False
            # Nobody comes back before we have looked, neither here nor when the clock is set.
            camera.answering.clear()
            camera.hang_up()
            wait_until(lambda: site.stream(rtsp)[0] == "inactive", "the loss is noticed")
            lost, unbroken = site.stream(rtsp), site.segments(rtsp)
            camera.answering.set()
            wait_until(lambda: site.stream(rtsp)[0] == "active", "it has come back")
            wait_until(lambda: len(site.segments(rtsp)) > len(unbroken), "it records again")
            back, known = site.stream(rtsp), len(site.segments(rtsp))
            camera.report()
            wait_until(lambda: len(site.segments(rtsp)) > known, "it records on")
            camera.answering.clear()
            camera.set_clock(3600)
            wait_until(lambda: CLOCK_SET in site.log.read_text(), "the set clock is noticed")
            later = site.segments(rtsp)[len(unbroken) :]
            recorder.terminate()
            code = recorder.wait(timeout=PATIENCE_SECONDS)
        finally:
            recorder.kill()
            recorder.wait()
    return Recorded(
        *(site, demo, rtsp, http, broken, blocked, unbroken, later, lost, back, code),
        command_lines,
    )


@contextlib.contextmanager
def http_camera(film: Path):
    """Serve *film* over and over as a transport stream in real time; yields host and port."""

    class Live(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            command = [
                *(str(find_ffmpeg()), "-nostdin", "-loglevel", "error", *REAL_TIME),
                *("-stream_loop", "-1", "-i", str(film), "-c", "copy", "-f", "mpegts", "pipe:1"),
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
        with contextlib.suppress(OSError):
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
    segments = recorded.site.segments(recorded.demo)

    first = frame_number(segments[0].begin + timedelta(microseconds=1), 10)
    assert_heard_with_its_picture(
        segments,
        lambda number: (number - first) % 2**32 % 10 == -first % 10,
        tolerance=0.005,
    )


def test_records_rtsp_and_turns_its_telephone_sound_into_aac(recorded):
    segments = recorded.unbroken

    assert_sounds(segments)
    assert_unbroken(segments, fps=25)
    assert_heard_with_its_picture(segments, begins_second_of_film, tolerance=0.005)


def test_records_http(recorded):
    segments = recorded.site.segments(recorded.http)

    assert_sounds(segments)
    assert_unbroken(segments, fps=25)
    assert_heard_with_its_picture(segments, begins_second_of_film, tolerance=0.005)


def assert_sounds(segments):
    """All have AAC; the last one may have been cut off before its first packet of sound."""
    assert {segment.audio_codec for segment in segments[:-1]} == {"aac"}


def begins_second_of_film(number: int) -> bool:
    return (number - FILM.number_at(FILM.begin)) % FILM.fps == 0


def assert_unbroken(segments, fps, jitter=0.008):
    """Every frame once, in order, and at the time its number says relative to the first.

    Network sources time their packets to a fraction of a millisecond.
    """
    shown = list(pictures_of(segments))
    begin, first = shown[0]
    assert [number for _, number in shown] == list(range(first, first + len(shown)))
    for at, number in shown:
        assert abs(at - begin - (number - first) / fps) < jitter
    for one, two in pairwise(segments):
        assert abs(two.begin - one.end) < timedelta(seconds=jitter)


def test_stops_when_told_and_leaves_nothing_open(recorded):
    assert recorded.code == 0
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
    assert recorded.lost == ("inactive", 1)
    assert recorded.back == ("active", 1)
    assert recorded.later[0].begin > recorded.unbroken[-1].end


def test_keeps_every_picture_in_its_place_when_a_camera_sets_its_clock(recorded):
    later = recorded.later

    # The late first report shifts the tracks by as much as one of them came before the other.
    assert_unbroken(later, fps=25, jitter=1)
    assert CLOCK_SET in recorded.site.log.read_text()
