"""Real processes: a script written for PSIM, a proxy's headers, and what the logs then hold."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest

from tests.exports.test_containers import play
from tests.footage import BEGIN, Footage
from tests.running import wait_until
from tests.test_straight_line import PREPARE
from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]

PASSWORD = "correct-horse-battery"
FOOTAGE = Footage(seconds=6)
FROM, TO = BEGIN + timedelta(seconds=1.37), BEGIN + timedelta(seconds=4.21)
POLL_LOOP = Path(__file__).with_name("poll_loop.py")
SITE = "cctv.example.org"


@pytest.fixture
def recorded(manage, tmp_path):
    """People, a camera, and its archive as a recorder of another make left it."""
    FOOTAGE.make(tmp_path / "recordings")
    code = PREPARE.format(password=PASSWORD, folder=str(tmp_path / "recordings"))
    manage("shell", "--no-imports", "-v", "0", "-c", code)


@pytest.fixture
def beside(environment, tmp_path):
    """Start another web process on the same data: behind a proxy, with an access log of its own."""
    started = []

    def start():
        port = free_port("127.0.0.1")
        log = tmp_path / "uvicorn.log"
        command = [sys.executable, "-m", "uvicorn", "vms.asgi:application", "--port", str(port)]
        command += ["--access-log"]
        command += ["--proxy-headers", "--forwarded-allow-ips", "127.0.0.1"]
        settings = {"VMS_ALLOWED_HOSTS": f"127.0.0.1,{SITE}", "VMS_TRUSTED_PROXIES": "127.0.0.1"}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=PROJECT_DIR,
                env={**environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=tie_to_parent(),
            )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_answering(url) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        return url, log

    yield start
    for process in started:
        process.kill()
        process.wait()


def is_answering(url):
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5):
            return True
    except OSError:
        return False


def export(url, folder):
    """Run the script; gives its token and what it saw of each task."""
    times = [f"{moment:%Y-%m-%dT%H:%M:%S.%f}"[:-1] + "Z" for moment in (FROM, TO)]
    command = [sys.executable, POLL_LOOP, url, "alice", PASSWORD, "1", *times, folder]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=300)
    token, *tasks = json.loads(done.stdout)
    return token, tasks


def ask(url, path, **headers):
    request = urllib.request.Request(url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=180) as answer:
        return json.load(answer)


def test_a_script_written_for_psim_gets_its_five_files_and_logs_keep_its_secrets(
    start_up, recorded, beside, tmp_path
):
    up = start_up("--only", "web,worker", VMS_LOG_LEVEL="DEBUG", VMS_TIME_ZONE="Europe/Moscow")
    up.wait_ready()
    folder = tmp_path / "fetched"
    folder.mkdir()

    token, tasks = export(up.web_url, folder)

    for path in sorted(folder.iterdir()):
        assert play(path).pictures == FOOTAGE.numbers_in(FROM, TO), path.name
    assert len(list(folder.iterdir())) == len(tasks) == 5
    for task in tasks:
        assert task["percents"] == sorted(task["percents"])
        assert task["percents"][-1] == 100
        assert all(percent < 100 for percent in task["percents"][:-1])

    # The same tasks behind a proxy that says which scheme and host the client used.
    url, log = beside()
    status = f"/getarchivetaskstatus?archivetaskid={tasks[0]['task']}&%74oken={token}"
    proxied = {"Host": SITE, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    assert ask(url, status, **proxied)["Url"] == f"https://{SITE}/download?file={tasks[0]['task']}"
    basic = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    ask(url, f"/token?expires_in=0&password={PASSWORD}", Authorization=f"Basic {basic}")

    written = up.log + log.read_text()
    assert "/getarchivetaskstatus?archivetaskid=***" in up.log
    assert "/getarchivetaskstatus?archivetaskid=***" in log.read_text()
    assert "/download?file=***" in up.log
    for secret in (token, PASSWORD, basic, *(task["task"] for task in tasks)):
        assert secret not in written
