"""Broken frames and handshakes end in answers, never in a traceback, and hurt nobody else."""

from __future__ import annotations

import json
import os
import socket
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.client import PATIENT
from tests.push.hard.broken import Dice
from tests.running import PATIENCE_SECONDS

pytestmark = pytest.mark.processes

# TESTS_PUSH_FRAMES=1000 for a shorter look.
FRAMES = int(os.environ.get("TESTS_PUSH_FRAMES", "10000"))
HANDSHAKES = FRAMES // 10
AT_ONCE = 50


class Site:
    """A server, alice's token, and a socket of hers that nothing may disturb."""

    def __init__(self, up, people, token, bystander):
        self.up = up
        self.url = up.web_url
        self.people = people
        self.token = token
        self.bystander = bystander

    def is_undisturbed(self):
        self.bystander.send(json.dumps({"type": "ping"}))
        assert json.loads(self.bystander.recv(PATIENCE_SECONDS)) == {"type": "pong"}
        self.people.end(1)
        while "archive_generated" not in self.bystander.recv(PATIENCE_SECONDS):
            continue
        assert "Traceback" not in self.up.log
        assert "rror in ASGI" not in self.up.log
        return True


def test_broken_frames_and_handshakes_hurt_nobody(start_up, finisher):
    up = start_up("--only", "web")
    up.wait_ready()
    people = finisher(["alice"], 4)
    token = people.people["alice"]["sessions"][0]["token"]
    with plain(up.web_url, token) as bystander:
        site = Site(up, people, token, bystander)
        send_messages(site, plain)
        assert site.is_undisturbed()
        send_messages(site, pusher)
        assert site.is_undisturbed()
        send_frames(site)
        assert site.is_undisturbed()
        shake_hands(site)
        assert site.is_undisturbed()


@contextmanager
def plain(url, token):
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{ws(url)}/ws/notifications"
    with connect(address, additional_headers=headers, **PATIENT) as opened:
        assert json.loads(opened.recv(PATIENCE_SECONDS))["type"] == "authenticated"
        yield opened


@contextmanager
def pusher(url, _token):
    with connect(f"{ws(url)}/ws/app/vms?protocol=7", **PATIENT) as opened:
        yield opened


def ws(url):
    return url.replace("http", "ws", 1)


def send_messages(site, kind):
    """Send random messages on sockets of a kind: each is answered, or its socket closed."""
    dice = Dice(7)
    left = FRAMES // 4
    while left:
        with kind(site.url, site.token) as opened:
            try:
                while left:
                    left -= 1
                    payload = dice.payload()
                    opened.send(as_text(payload) if isinstance(payload, str) else payload)
                    read_what_is_there(opened)
            except ConnectionClosed as error:
                end = error.rcvd
            else:
                return
        assert end is not None, "closed without a word"
        assert end.code in {1007, 1009, 4010, 4100, 4202, 4400, 4401, 4429}


def as_text(payload):
    return payload.encode("utf-8", "replace").decode()


def read_what_is_there(opened):
    try:
        while True:
            opened.recv(timeout=0)
    except TimeoutError:
        return


def raw(url):
    parts = urlsplit(url)
    opened = socket.create_connection((parts.hostname, parts.port), PATIENCE_SECONDS)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def raw_plain(url, token):
    """Open a plain socket on which what is sent and answered is up to the caller."""
    opened = raw(url)
    request = (
        "GET /ws/notifications HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    )
    opened.sendall(request.encode())
    assert opened.recv(4096).startswith(b"HTTP/1.1 101")
    return opened


def send_frames(site):
    """Send frames, many against the RFC, without a look at what comes back.

    A connection takes them until the server hangs up; then the rest go to another.
    """
    dice = Dice(11)
    left = FRAMES // 2
    while left:
        with raw_plain(site.url, site.token) as opened:
            try:
                while left:
                    left -= 1
                    opened.sendall(dice.frame())
            except OSError:  # it has hung up
                continue


def shake_hands(site):
    dice = Dice(13)
    for _ in range(0, HANDSHAKES, AT_ONCE):
        with ExitStack() as closing:
            opened = [closing.enter_context(raw(site.url)) for _ in range(AT_ONCE)]
            for one in opened:
                one.sendall(dice.handshake())
                one.shutdown(socket.SHUT_WR)
            for one in opened:
                drain(one)


def drain(opened):
    """Read what the server says until it hangs up, as it does when nothing more can come."""
    try:
        while opened.recv(65_536):
            continue
    except ConnectionResetError:
        return
