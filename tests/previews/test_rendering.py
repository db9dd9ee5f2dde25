"""Processes that render: what they answer, and what becomes of those that cannot."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from previews.errors import Busy, CannotRender
from previews.rendering import Renderers
from tests.running import PATIENCE_SECONDS, wait_until
from vms.env import PROJECT_DIR

JOBS = "tests.previews.jobs"


@pytest.fixture(scope="module")
def renderers():
    return Renderers(1, PATIENCE_SECONDS)


def ask(renderers, job, **arguments):
    return renderers.submit(f"{JOBS}:{job}", arguments).result(PATIENCE_SECONDS)


def is_alive(pid):
    """A process that is dead and not yet buried counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_gives_the_answer_of_a_job_and_goes_on_with_the_same_process(renderers):
    first, second = ask(renderers, "answer", a=1), ask(renderers, "answer", b="é\n")

    assert (first["a"], second["b"]) == (1, "é\n")
    assert first["pid"] == second["pid"] != os.getpid()


def test_tells_why_there_is_nothing_to_show(renderers):
    with pytest.raises(CannotRender, match="There is nothing here"):
        ask(renderers, "refuse")


@pytest.mark.parametrize("job", ["crash", "fail", "fill_memory", "nowhere"])
def test_calls_footage_damaged_that_brings_a_renderer_down_and_goes_on(renderers, job):
    with pytest.raises(CannotRender, match="damaged"):
        ask(renderers, job)

    assert ask(renderers, "answer", a=2)["a"] == 2


def test_a_full_disk_is_no_damage(renderers):
    with pytest.raises(Busy):
        ask(renderers, "fill_disk")


def test_starts_anew_when_one_ended_for_want_of_work(renderers):
    before = ask(renderers, "answer")["pid"]
    os.kill(before, 9)
    wait_until(lambda: not is_alive(before))
    with pytest.raises(CannotRender):  # one that was killed is not trusted with the same job again
        ask(renderers, "answer")

    assert ask(renderers, "answer", a=3)["a"] == 3


def test_a_job_that_ends_its_process_is_not_tried_for_ever(renderers):
    with pytest.raises(CannotRender):
        ask(renderers, "end")


def test_keeps_answers_apart_from_what_libraries_print(renderers):
    assert ask(renderers, "chatter") == "answer"


def test_knows_none_of_our_settings(renderers, monkeypatch):
    monkeypatch.setenv("VMS_SECRET_KEY", "k" * 40)
    with pytest.raises(CannotRender):
        ask(renderers, "crash")  # the next process is started with the environment as it is now

    assert ask(renderers, "look", name="VMS_SECRET_KEY")["value"] is None
    assert ask(renderers, "look", name="PATH")["value"] == os.environ["PATH"]


def test_ends_a_rendering_that_takes_too_long():
    renderers = Renderers(1, PATIENCE_SECONDS)
    pid = ask(renderers, "answer")["pid"]
    renderers.seconds = 0.2

    with pytest.raises(Busy):
        ask(renderers, "hang")

    assert not is_alive(pid)


def test_takes_no_more_jobs_than_can_wait(monkeypatch):
    monkeypatch.setattr("previews.rendering.MOST_WAITING", 3)
    renderers, go_on = Renderers(1, PATIENCE_SECONDS), threading.Event()
    waiting = [renderers.call(go_on.wait) for _ in range(3)]

    with pytest.raises(Busy):
        renderers.call(go_on.wait)

    go_on.set()
    assert all(future.result(PATIENCE_SECONDS) for future in waiting)
    wait_until(lambda: renderers.unfinished == 0)
    assert renderers.call(lambda: 5).result(PATIENCE_SECONDS) == 5


def test_does_no_more_at_a_time_than_it_was_told():
    renderers, lock = Renderers(2, PATIENCE_SECONDS), threading.Lock()
    at_once, most, both = [], [], threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def work():
        with lock:
            at_once.append(1)
            most.append(len(at_once))
        both.wait()
        with lock:
            at_once.pop()

    for future in [renderers.call(work) for _ in range(6)]:
        future.result(PATIENCE_SECONDS)

    assert max(most) == 2


def test_renderers_die_with_the_process_they_work_for(tmp_path):
    code = (
        "import sys, time; from previews.rendering import Renderers\n"
        "renderers = Renderers(1, 60)\n"
        f"print(renderers.submit('{JOBS}:answer', {{}}).result()['pid'], flush=True)\n"
        f"renderers.submit('{JOBS}:hang', {{}})\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    assert is_alive(pid)

    parent.kill()
    parent.wait()

    wait_until(lambda: not is_alive(pid))
    parent.stdout.close()


def test_renderers_in_the_middle_of_a_job_do_not_hold_up_the_end_of_us():
    code = (
        "from previews.rendering import Renderers\n"
        "renderers = Renderers(1, 3600)\n"
        f"renderers.submit('{JOBS}:answer', {{}}).result()\n"
        f"renderers.submit('{JOBS}:hang', {{}})\n"
    )

    subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_DIR, check=True, timeout=PATIENCE_SECONDS
    )
