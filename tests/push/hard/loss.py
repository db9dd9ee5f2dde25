"""Nothing is lost, doubled or out of order, whatever happens to clients and broker."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
import redis

from tests.push.hard.listeners import PlainListener, PusherListener
from tests.running import wait_until

pytestmark = pytest.mark.processes

# TESTS_PUSH_JOBS=40 for a shorter look.
JOBS = int(os.environ.get("TESTS_PUSH_JOBS", "200"))
LOGINS = ("alice", "bob", "mallory")
CUTS = 3


@pytest.fixture
def listeners(start_up, finisher):
    """Start a server and three clients of each user."""
    up = start_up("--only", "web")
    up.wait_ready()
    people = finisher(LOGINS, JOBS)
    started = {
        login: [
            PlainListener(up.web_url, person, person["sessions"][0]),
            PlainListener(up.web_url, person, person["sessions"][1]),
            PusherListener(up.web_url, person, person["sessions"][0]),
        ]
        for login, person in people.people.items()
    }
    yield up, people, started
    for some in started.values():
        for listener in some:
            listener.stop()


def cut_connections(up):
    """Cut every connection to the broker at once."""
    with redis.Redis.from_url(up.redis_url) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def kill_broker(up):
    """Have the broker die with all it holds; the supervisor starts another."""
    os.kill(up.pid_of("valkey-server"), signal.SIGKILL)


def test_every_client_hears_of_its_200_exports_once_and_in_order(listeners):
    up, people, started = listeners
    everyone = [listener for some in started.values() for listener in some]
    wait_until(lambda: all(listener.socket is not None for listener in everyone))
    cuts = [cut_connections, cut_connections, kill_broker]
    parts = len(cuts) + 1
    for part in range(parts):
        people.begin(JOBS // parts)
        for _ in range(10):
            random.choice(everyone).kill()
            time.sleep(random.random() / 5)
        if part < len(cuts):
            cuts[part](up)
        people.wait()

    for login, some in started.items():
        expected = people.downloads[login][: JOBS // parts * parts]
        for listener in some:
            wait_until(lambda listener=listener, expected=expected: is_there(listener, expected))
            assert [body["id"] for body in listener.heard] == list(range(1, len(expected) + 1))
            assert [kind(body) for body in listener.heard] == ["archive_generated"] * len(expected)
            assert [download(body)["id"] for body in listener.heard] == expected
            assert {download(body)["user_id"] for body in listener.heard} == {
                listener.person["user"]
            }
    assert sum(listener.connections for listener in everyone) > len(everyone)
    assert "Traceback" not in up.log


def is_there(listener, expected):
    return listener.heard and download(listener.heard[-1])["id"] == expected[-1]


def kind(body):
    return body["data"]["type"]


def download(body):
    return body["data"]["data"]["download"]
