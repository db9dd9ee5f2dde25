"""The real pusher-js and Laravel Echo against a real server."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from contextlib import ExitStack, contextmanager

import pytest

from tests.clients.conftest import PASSWORD
from tests.clients.pages import NODE, page

pytestmark = [
    pytest.mark.processes,
    pytest.mark.ffmpeg,
    pytest.mark.skipif(NODE is None, reason="Node is not installed"),
]

LIBRARIES = ("pusher-js", "laravel-echo")


@contextmanager
def listening(library, site):
    """Open a page of alice's that listens to what she orders on it."""
    with page(library, site.url, "alice", PASSWORD) as page_of_alice:
        page_of_alice.channel = f"token.{page_of_alice.who['session']}"
        page_of_alice.subscribe(page_of_alice.channel, "TokenPush")
        page_of_alice.next("subscribed", channel=page_of_alice.channel)
        yield page_of_alice


@pytest.fixture(params=LIBRARIES)
def alice(request, site):
    with listening(request.param, site) as page_of_alice:
        yield page_of_alice


def order(site, page_of_alice):
    """Order a file as the page; returns the record's id."""
    request = urllib.request.Request(
        f"{site.url}/api/v1/downloads",
        json.dumps(site.order_body()).encode(),
        {
            "Authorization": f"Bearer {page_of_alice.who['token']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request) as answer:
        [record] = json.load(answer)
    return record["id"]


def is_end_of(download_id):
    def is_end(body):
        return body["type"] == "archive_generated" and body["data"]["download"]["id"] == download_id

    return is_end


def test_hears_when_its_file_is_there(site, alice):
    download_id = order(site, alice)
    # Progress is told without an order, the last of it before the end or right after.
    whole = {"download_id": download_id, "percent": 100}
    bodies = alice.events_until(lambda body: body["data"] == whole)
    if not any(is_end_of(download_id)(body["data"]) for body in bodies):
        bodies += alice.events_until(is_end_of(download_id))
    [last] = [body for body in bodies if body["data"]["type"] == "archive_generated"]
    progress = [body["data"] for body in bodies if body is not last]
    assert {data["type"] for data in progress} == {"archive_progress"}
    assert (last["subject"], last["message"]) == (None, None)
    assert last["data"]["status"] == "ok"
    with urllib.request.urlopen(last["data"]["data"]["download"]["url"]) as answer:
        content = answer.read()
    assert hashlib.sha256(content).hexdigest() == last["data"]["data"]["download"]["sha256"]


def test_hears_on_the_users_channel_too(site, alice):
    channel = f"user.{alice.who['user']}"
    alice.subscribe(channel, "UserPush")
    alice.next("subscribed", channel=channel)
    download_id = order(site, alice)
    heard = set()
    while len(heard) < 2:
        event = alice.next("event")
        if is_end_of(download_id)(event["data"]["data"]):
            heard.add((event["channel"], event["event"]))
    assert heard == {(channel, "UserPush"), (alice.channel, "TokenPush")}


@pytest.mark.parametrize("library", LIBRARIES)
def test_is_refused_on_the_channels_of_another(site, alice, library):
    with page(library, site.url, "mallory", PASSWORD) as mallory:
        for channel in (alice.channel, f"user.{alice.who['user']}"):
            mallory.subscribe(channel, "TokenPush")
            assert mallory.next("refused", channel=channel)["status"] == 403
        own = f"user.{mallory.who['user']}"
        mallory.subscribe(own, "UserPush")
        mallory.next("subscribed", channel=own)
        alice.events_until(is_end_of(order(site, alice)))
        assert mallory.lines.empty()


def test_survive_a_restart_of_the_server_by_themselves(site):
    with ExitStack() as closing:
        pages = [closing.enter_context(listening(library, site)) for library in LIBRARIES]
        site.stop()
        for one in pages:
            one.next("state", current="connecting")
        site.start()
        for one in pages:
            one.next("state", current="connected")
            one.next("subscribed", channel=one.channel)
            one.events_until(is_end_of(order(site, one)))


@pytest.mark.parametrize("alice", ["pusher-js"], indirect=True)
def test_misses_nothing_while_the_web_process_is_away(site, alice):
    """Its signature request says what it saw last, see `paramsProvider` in client.cjs."""
    first = alice.events_until(is_end_of(order(site, alice)))[-1]["id"]
    with site.worker_held_up():
        download_id = order(site, alice)
        site.kill_web()
        alice.next("state", current="connecting")
    alice.next("subscribed", channel=alice.channel)
    bodies = alice.events_until(is_end_of(download_id))
    assert [body["id"] for body in bodies if "id" in body] == [first + 1]
