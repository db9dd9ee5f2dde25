"""The id of a request in the log lines of whoever works for it, across processes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta

import pytest

from tests.client import Client, wire
from tests.footage import BEGIN, Footage
from tests.running import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]

PASSWORD = "correct horse battery"
PREPARE = """
from django.core.management import call_command
quiet = open("/dev/null", "w")
call_command("migrate", "--verbosity", "0")
call_command("add_user", "alice", "--password", {password!r}, stdout=quiet)
call_command("add_camera", "Yard", "--owner", "alice", stdout=quiet)
call_command("import_archive", "1", {folder!r}, stdout=quiet)
"""


def lines(up):
    """Read what was logged; of the last line only a part may be there yet."""
    whole = up.log.rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines() if '"event"' in line]


def said(up, event, request_id):
    """Find what the worker wrote about an export that this request ordered."""
    return [
        line
        for line in lines(up)
        if line["event"] == event and line.get("request_id") == request_id
    ]


def test_is_in_the_lines_of_the_worker_that_makes_the_file(start_up, manage, tmp_path):
    folder = tmp_path / "recordings"
    Footage().make(folder)
    code = PREPARE.format(password=PASSWORD, folder=str(folder))
    manage("shell", "--no-imports", "-v", "0", "-c", code)
    up = start_up("--only", "web,worker", VMS_LOG_FORMAT="json")
    wait_until((up.data_dir / "run" / "web.url").exists)

    with ExitStack() as closing:
        alice = Client(up.web_url, "alice", PASSWORD, closing)
        begin = BEGIN + timedelta(seconds=1)
        body = {"from": wire(begin), "to": wire(begin + timedelta(seconds=2)), "ids": [1]}
        headers = {"X-Request-ID": "order-1"}
        status, [record] = alice.send("POST", "/api/v1/downloads", body, headers)
        assert status == 200
        alice.next_push("archive_generated")

    wait_until(lambda: said(up, "export ready", "order-1"))
    [ready], [told] = (said(up, event, "order-1") for event in ("export ready", "owner told"))
    assert (told["download"], told["job"]) == (record["id"], ready["job"])
    served = [line for line in lines(up) if line.get("request_id") == "order-1"]
    assert {"request_started", "request_finished", "task_started", "export ready"} <= {
        line["event"] for line in served
    }
    assert all({"timestamp", "level", "logger"} <= set(line) for line in served)
