"""Sockets that have not said who they are: for how long, and how many."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from asgiref.sync import sync_to_async

from tests.push.sockets import PLAIN, PUSHER, opened, pusher, with_ticket
from vms.push import anonymous
from vms.push import pusher as pusher_module
from vms.push.channels import sign_channel
from vms.push.tickets import remember_grant

pytestmark = pytest.mark.django_db(transaction=True)

HERE, THERE = ("192.0.2.1", 1234), ("192.0.2.2", 1234)


@pytest.fixture(autouse=True)
def nobody_left():
    """See that every socket that was counted is forgotten with its end."""
    assert not anonymous.open_sockets
    yield
    assert not anonymous.open_sockets


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(pusher_module, "ANONYMOUS_SECONDS", 0.1)


# Time enough to subscribe on a busy machine.
WHILE = 2


@pytest.fixture
def a_while(monkeypatch):
    monkeypatch.setattr(pusher_module, "ANONYMOUS_SECONDS", WHILE)


@pytest.fixture
def two_allowed(monkeypatch):
    monkeypatch.setattr(anonymous, "MOST_OF_AN_ADDRESS", 2)


async def test_closes_a_pusher_socket_that_never_says_who_it_is(short):
    async with pusher() as (socket, _id):
        frame = await socket.receive_json()
        assert (frame["event"], frame["data"]["code"]) == ("pusher:error", 4202)
        assert await socket.closed_with() == 4202


async def test_a_refused_subscription_and_pings_do_not_help(a_while, alice_session):
    async with pusher() as (socket, _id):
        channel = f"private-token.{alice_session.pk}"
        data = {"channel": channel, "auth": "vms:00"}
        await socket.send_json({"event": "pusher:subscribe", "data": data})
        await socket.send_json({"event": "pusher:ping"})
        for _ in ("refused", "pong", "the end"):
            await socket.receive_json()
        assert await socket.closed_with() == 4202


async def test_leaves_a_pusher_socket_with_a_subscription_open(a_while, alice_session):
    async with pusher() as (socket, socket_id):
        channel = f"private-token.{alice_session.pk}"
        await sync_to_async(remember_grant)(socket_id, channel, alice_session.pk)
        data = {"channel": channel, "auth": sign_channel(socket_id, channel)}
        await socket.send_json({"event": "pusher:subscribe", "data": data})
        answer = await socket.receive_json()
        assert answer["event"] == "pusher_internal:subscription_succeeded"
        assert await socket.receive_nothing(timeout=WHILE + 0.3)


async def test_leaves_a_pusher_socket_that_came_with_a_ticket_open(short, alice_session):
    async with pusher(alice_session) as (socket, _id):
        assert await socket.receive_nothing(timeout=0.3)


@pytest.mark.parametrize(("path", "code"), [(PLAIN, 4429), (PUSHER, 4100)])
async def test_refuses_more_than_so_many_of_an_address(two_allowed, alice_session, path, code):
    async with AsyncExitStack() as stack:
        for _ in range(2):
            socket = await stack.enter_async_context(opened(PUSHER, client=HERE))
            assert (await socket.receive_json())["event"] == "pusher:connection_established"
        async with opened(path, client=HERE) as socket:
            await socket.receive_json()
            assert await socket.closed_with() == code
        async with opened(PUSHER, client=THERE) as socket:
            assert (await socket.receive_json())["event"] == "pusher:connection_established"
        async with opened(await with_ticket(PLAIN, alice_session), client=HERE) as socket:
            assert (await socket.receive_json())["type"] == "authenticated"


async def test_a_socket_that_went_makes_room(two_allowed):
    for _ in range(5):
        async with opened(PUSHER, client=HERE) as socket:
            assert (await socket.receive_json())["event"] == "pusher:connection_established"


async def test_a_socket_that_said_who_it_is_makes_room(two_allowed, alice, sign_in):
    signed_in = await sync_to_async(sign_in)(alice)
    async with AsyncExitStack() as stack:
        for _ in range(4):
            socket = await stack.enter_async_context(opened(PLAIN, client=HERE))
            await socket.send_json({"type": "auth", "token": signed_in.token})
            assert (await socket.receive_json())["type"] == "authenticated"
