from __future__ import annotations

import subprocess
import sys
import time

import pytest

from vms.media.ffmpeg import (
    FfmpegFailed,
    FfmpegStalled,
    Messages,
    NoFfmpeg,
    Progress,
    ProgressReader,
    ffmpeg_version,
    find_ffmpeg,
    run_ffmpeg,
)
from vms.media.process import tie_to_parent

SOURCE = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=4")


def arguments(*options):
    head = (str(find_ffmpeg()), "-hide_banner", "-nostats", "-progress", "pipe:1", "-y")
    return [*head, *options]


def test_runs_to_the_end_and_says_how_far_it_is(tmp_path):
    told = []
    target = tmp_path / "out.mp4"

    run_ffmpeg(arguments(*SOURCE, str(target)), on_tick=told.append, stall_seconds=20)

    assert target.stat().st_size > 1000
    assert told[-1].media_us == pytest.approx(4_000_000, abs=100_000)
    assert [tick.media_us for tick in told] == sorted(tick.media_us for tick in told)


def test_tells_the_version_of_the_bundled_one():
    assert ffmpeg_version(find_ffmpeg())


@pytest.mark.parametrize("chosen", ["missing", "folder", "text"])
def test_refuses_a_program_that_cannot_be_run(tmp_path, chosen):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("not a program")

    with pytest.raises(NoFfmpeg, match="VMS_FFMPEG"):
        find_ffmpeg(tmp_path / chosen)


def test_refuses_a_program_that_is_no_ffmpeg(tmp_path):
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)

    with pytest.raises(NoFfmpeg):
        ffmpeg_version(other)


def test_fails_with_the_last_words(tmp_path):
    with pytest.raises(FfmpegFailed) as failure:
        run_ffmpeg(
            arguments("-i", str(tmp_path / "none.mp4"), str(tmp_path / "out.mp4")),
            on_tick=lambda _progress: None,
            stall_seconds=20,
        )

    assert failure.value.code != 0
    assert "none.mp4" in failure.value.messages


def test_ends_a_run_at_once_when_told_to(tmp_path):
    class Enough(Exception):
        pass

    def stop(_progress):
        raise Enough

    began = time.monotonic()
    endless = ("-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-f", "null", "-")
    with pytest.raises(Enough):
        run_ffmpeg(arguments(*endless), on_tick=stop, stall_seconds=20)
    assert time.monotonic() - began < 2


def test_ends_a_run_that_hangs(tmp_path):
    script = tmp_path / "hanging"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)

    with pytest.raises(FfmpegStalled):
        run_ffmpeg([str(script)], on_tick=lambda _progress: None, stall_seconds=1)


def test_keeps_only_the_last_messages(tmp_path):
    script = tmp_path / "talkative"
    script.write_text(
        "#!/bin/sh\nyes 'a long complaint about nothing' | head -c 5000000 >&2\nexit 3\n"
    )
    script.chmod(0o755)

    with pytest.raises(FfmpegFailed) as failure:
        run_ffmpeg([str(script)], on_tick=lambda _progress: None, stall_seconds=20)
    assert failure.value.code == 3
    assert len(failure.value.messages) < 20_000


def test_bounds_a_message_without_line_ends():
    messages = Messages()
    for _ in range(100):
        messages.feed(b"x" * 10_000)

    assert len(messages.text()) <= 16_384


def test_reads_progress_cut_anywhere():
    text = b"frame=1\ntotal_size=1000\nout_time_us=40000\nprogress=continue\ntotal_size=N/A\n"
    reader = ProgressReader()
    for index in range(len(text)):
        reader.feed(text[index : index + 1])

    assert reader.progress == Progress(1000, 40_000)


def test_ties_a_child_to_its_parent(tmp_path):
    """A parent is killed outright; the pipe its child holds closes, so the child is gone."""
    parent = (
        "import subprocess, sys\n"
        "from vms.media.process import tie_to_parent\n"
        "subprocess.Popen(['sleep', '60'], preexec_fn=tie_to_parent())\n"
        "print('started', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=tie_to_parent(),
    )
    with process:
        assert process.stdout.readline() == b"started\n"
        process.kill()
        process.stdout.read()  # ends only when the child's copy is closed too
