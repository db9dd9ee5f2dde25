"""From POST to push to expiry: real processes, real broker, real ffmpeg, a real socket client."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.client import Client, wire
from tests.footage import BEGIN, Footage, decode_numbers
from tests.running import wait_until
from vms.media.ffmpeg import find_ffmpeg

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]

PASSWORD = "correct horse battery"
COME_BACK = 1012  # RFC 6455 registry: service restart
FOOTAGE = Footage()
FROM, TO = BEGIN + timedelta(seconds=3.37), BEGIN + timedelta(seconds=14.21)

QUICK = {
    "VMS_CLEANUP_INTERVAL_SECONDS": "5",
    "VMS_RECONCILE_INTERVAL_SECONDS": "1",
    "VMS_EXPORT_LEASE_SECONDS": "5",
    # So short a lease may end on a busy machine without anybody's fault.
    "VMS_EXPORT_MAX_ATTEMPTS": "20",
}

CLOCK_MOVES_3_HOURS = """
from datetime import timedelta
from django.db.models import F
from downloads.models import Download
from exports.models import ExportJob
for model in (Download, ExportJob):
    model.objects.update(expires_at=F("expires_at") - timedelta(hours=3))
"""


# The operator's commands, in one process: each start of Django takes a second.
PREPARE = """
from django.core.management import call_command
call_command("migrate", "--verbosity", "0")
for login in ("alice", "mallory"):
    call_command("add_user", login, "--password", {password!r}, stdout=open("/dev/null", "w"))
call_command("add_camera", "Yard, Gate 2", "--owner", "alice", stdout=open("/dev/null", "w"))
call_command("import_archive", "1", {folder!r})
"""


@pytest.fixture
def recorded(manage, tmp_path):
    """People, a camera, and its archive as a recorder of another make left it."""
    folder = tmp_path / "recordings"
    FOOTAGE.make(folder)
    code = PREPARE.format(password=PASSWORD, folder=str(folder))
    summary = json.loads(manage("shell", "--no-imports", "-v", "0", "-c", code))
    assert (summary["indexed"], summary["skipped"]) == (5, [])
    return summary["camera_id"]


@pytest.fixture
def sign_in():
    with ExitStack() as closing:
        yield lambda up, login: Client(up.web_url, login, PASSWORD, closing)


def order(client, camera):
    status, (record,) = client.post(
        "/api/v1/downloads", **{"from": wire(FROM), "to": wire(TO), "ids": [camera]}
    )
    assert status == 200
    return record


def files(up):
    """List what is in the storage folder; folders that go meanwhile hold nothing."""
    found = os.walk(up.data_dir / "storage")
    return [Path(folder) / name for folder, _, names in found for name in names]


def show(client, record):
    return client.get(f"/api/v1/downloads/{record['id']}")[1]


def test_brings_the_very_pictures_asked_for_and_takes_them_away_in_time(
    start_up, manage, recorded, sign_in, tmp_path
):
    up = start_up("--only", "web,worker,beat", **QUICK)
    up.wait_ready()
    alice = sign_in(up, "alice")
    mallory = sign_in(up, "mallory")

    record = order(alice, recorded)
    assert record["name"] == "Yard, Gate 2.20260314-092603-092614.mp4"
    assert (record["url"], record["is_file_exists"]) == (None, False)

    push = alice.next_push("archive_generated")
    assert push["event"] == "App\\Events\\TokenPush"
    assert push["channel"] == f"token.{alice.session}"
    assert push["data"]["status"] == "ok"
    pushed = push["data"]["data"]["download"]
    assert pushed["id"] == record["id"]
    assert pushed["is_file_exists"] is True

    # The link needs nothing else, and a broken download goes on where it ended.
    status, content = alice.get(pushed["url"], {"Range": "bytes=0-9999"})
    assert status == 206
    status, rest = alice.get(pushed["url"], {"Range": "bytes=10000-"})
    assert status == 206
    content += rest
    assert hashlib.sha256(content).hexdigest() == pushed["sha256"]
    (tmp_path / "export.mp4").write_bytes(content)
    shown = decode_numbers(tmp_path / "export.mp4")
    assert [number for _, number in shown] == FOOTAGE.numbers_in(FROM, TO)
    assert pushed["duration"] == pytest.approx((TO - FROM).total_seconds(), abs=0.1)
    assert pushed["coverage"]["gaps"] == []

    assert mallory.get(f"/api/v1/downloads/{record['id']}")[0] == 404
    assert mallory.get("/api/v1/downloads")[1]["data"] == []

    assert [path.name for path in files(up)] != []
    manage("shell", "-c", CLOCK_MOVES_3_HOURS)
    assert alice.get(pushed["url"])[0] == 404  # at once, whenever the clean-up runs
    wait_until(lambda: files(up) == [])
    listed = show(alice, record)
    assert listed["status"] == "expired"
    assert (listed["url"], listed["is_file_exists"]) == (None, False)


@pytest.fixture
def slow_ffmpeg(tmp_path):
    """The real ffmpeg behind a gate: it begins its work when the file `go` is there."""
    gate = tmp_path / "slow-ffmpeg"
    gate.write_text(
        f'#!/bin/sh\nif [ "$2" != -version ]; then\n'
        f'  until [ -e "{tmp_path}/go" ]; do sleep 0.05; done\nfi\n'
        f'exec "{find_ffmpeg()}" "$@"\n'
    )
    gate.chmod(gate.stat().st_mode | stat.S_IXUSR)
    return gate


def test_finishes_although_worker_and_broker_are_killed(
    start_up, recorded, sign_in, slow_ffmpeg, tmp_path
):
    up = start_up(
        "--only",
        "web,worker,beat",
        VMS_EXPORT_ENGINE="ffmpeg",
        VMS_FFMPEG=str(slow_ffmpeg),
        **QUICK,
    )
    up.wait_ready()
    alice = sign_in(up, "alice")
    record = order(alice, recorded)
    wait_until(lambda: show(alice, record)["status"] == "in progress")

    kill_worker(up)
    os.kill(up.pid_of("valkey-server"), signal.SIGKILL)
    (tmp_path / "go").touch()

    wait_until(lambda: show(alice, record)["status"] == "ready")
    # One file, one event, nothing left of the first attempt.
    assert len(files(up)) == 1
    alice.socket.close()
    told = tell_all(alice)
    assert [push["data"]["data"]["download"]["id"] for push in told] == [record["id"]]
    [push] = told
    (tmp_path / "export.mp4").write_bytes(alice.get(push["data"]["data"]["download"]["url"])[1])
    shown = decode_numbers(tmp_path / "export.mp4")
    assert [number for _, number in shown] == FOOTAGE.numbers_in(FROM, TO)


def kill_worker(up):
    """Kill the worker for exports, and wait until its ffmpeg, which stands at the gate, is gone."""
    wait_until(lambda: at_gate(up))
    held = at_gate(up)
    os.kill(up.pid_of("celery", "exports"), signal.SIGKILL)
    wait_until(lambda: held.isdisjoint(up.processes()))


def at_gate(up):
    return {
        pid
        for pid, words in up.processes().items()
        if "slow-ffmpeg" in " ".join(words) and "-version" not in words
    }


def tell_all(client):
    """Return the events of finished exports, from the first one and until none has come for 2 s.

    While the broker comes back sockets are refused, or sent away with 1012, "come back": what a
    client then does is to come back.
    """
    found = []

    def heard():
        found.clear()
        try:
            client.socket = client.listen()
            client.socket.send(json.dumps({"type": "resume", "after": 0}))
            found.append(client.next_push("archive_generated"))
            while True:
                found.append(client.next_push("archive_generated", seconds=2))
        except TimeoutError:
            return bool(found)
        except ConnectionClosed as end:
            if end.rcvd is None or end.rcvd.code != COME_BACK:
                raise
            return False
        except (OSError, InvalidHandshake):
            return False

    wait_until(heard)
    return found


def test_says_why_when_the_archive_is_gone(start_up, recorded, sign_in, slow_ffmpeg, tmp_path):
    up = start_up(
        "--only",
        "web,worker,beat",
        VMS_EXPORT_ENGINE="ffmpeg",
        VMS_FFMPEG=str(slow_ffmpeg),
        **QUICK,
    )
    up.wait_ready()
    alice = sign_in(up, "alice")
    record = order(alice, recorded)
    # At the gate the worker has read the archive; without it there would be nothing to kill.
    wait_until(lambda: at_gate(up))
    for path in Path(tmp_path / "recordings").rglob("*.mp4"):
        path.unlink()
    kill_worker(up)
    (tmp_path / "go").touch()

    push = alice.next_push("archive_generated")
    assert push["data"]["status"] == "error"
    download = push["data"]["data"]["download"]
    assert download["url"] is None
    assert download["error"]["code"] == "unusable"
    assert show(alice, record)["status"] == "failed"
    assert files(up) == []
