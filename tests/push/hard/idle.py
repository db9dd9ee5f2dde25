"""Sockets on which nothing happens: those of living clients stay, those of dead ones go."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import pytest
from websockets.sync.client import connect

from tests.client import PATIENT
from tests.push.hard.fuzz import plain, raw_plain, ws
from tests.running import PATIENCE_SECONDS

pytestmark = pytest.mark.processes

IDLE_SECONDS = 60


def test_a_minute_of_silence(start_up, finisher):
    up = start_up("--only", "web")
    up.wait_ready()
    people = finisher(["alice"], 1)
    session = people.people["alice"]["sessions"][0]
    with (
        plain(up.web_url, session["token"]) as idle,
        subscribed(up.web_url, session) as idle_pusher,
        raw_plain(up.web_url, session["token"]) as dead,
    ):
        begin = time.monotonic()
        dead.settimeout(PATIENCE_SECONDS)
        while dead.recv(4096):  # until the server hangs up: nobody answers its pings
            continue
        time.sleep(max(0.0, begin + IDLE_SECONDS - time.monotonic()))
        people.end(1)
        for opened in (idle, idle_pusher):
            while "archive_generated" not in opened.recv(PATIENCE_SECONDS):
                continue


@contextmanager
def subscribed(url, session):
    """Open a Pusher socket that listens to what its session orders."""
    headers = {"Authorization": f"Bearer {session['token']}"}
    address = f"{ws(url)}/ws/app/vms?protocol=7"
    with connect(address, additional_headers=headers, **PATIENT) as opened:
        assert "connection_established" in opened.recv(PATIENCE_SECONDS)
        data = {"channel": f"token.{session['id']}"}
        opened.send(json.dumps({"event": "pusher:subscribe", "data": data}))
        assert "subscription_succeeded" in opened.recv(PATIENCE_SECONDS)
        yield opened
