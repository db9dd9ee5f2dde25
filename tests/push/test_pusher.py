from __future__ import annotations

import json
import re

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from tests.push.sockets import PUSHER, TOKEN_PUSH, USER_PUSH, happen, opened, pusher
from vms.push import socket as socket_module
from vms.push.channels import sign_channel
from vms.push.tickets import remember_grant

pytestmark = pytest.mark.django_db(transaction=True)


async def subscribe(socket, channel, auth=None):
    data = {"channel": channel} if auth is None else {"channel": channel, "auth": auth}
    await socket.send_json({"event": "pusher:subscribe", "data": data})
    return await socket.receive_json()


async def signed(socket_id, channel, session):
    """Do what the signing endpoint does for *session*."""
    await sync_to_async(remember_grant)(socket_id, channel, session.pk)
    return sign_channel(socket_id, channel)


async def subscribed(socket, socket_id, channel, session):
    answer = await subscribe(socket, channel, await signed(socket_id, channel, session))
    assert answer["event"] == "pusher_internal:subscription_succeeded"


def error_of(frame):
    assert frame["event"] == "pusher:error"
    return frame["data"]["code"]


async def test_establishes_the_connection():
    async with opened(f"{PUSHER}?protocol=7&client=js&version=8.4.0") as socket:
        frame = await socket.receive_json()
        assert frame["event"] == "pusher:connection_established"
        told = json.loads(frame["data"])
        assert re.fullmatch(r"\d+\.\d+", told["socket_id"])
        assert told["activity_timeout"] == 120


async def test_answers_a_ping():
    async with pusher() as (socket, _id):
        await socket.send_json({"event": "pusher:ping", "data": {}})
        assert await socket.receive_json() == {"event": "pusher:pong", "data": "{}"}


async def test_a_signed_subscription_gets_the_event(alice_session):
    channel = f"private-token.{alice_session.pk}"
    async with pusher() as (socket, socket_id):
        answer = await subscribe(socket, channel, await signed(socket_id, channel, alice_session))
        assert answer == {
            "event": "pusher_internal:subscription_succeeded",
            "channel": channel,
            "data": "{}",
        }
        event_id = await happen(alice_session)
        frame = await socket.receive_json()
        assert (frame["event"], frame["channel"]) == (TOKEN_PUSH, channel)
        assert json.loads(frame["data"]) == {
            "data": {"type": "archive_generated", "number": 1},
            "subject": None,
            "message": None,
            "id": event_id,
        }
        assert await socket.receive_nothing()


async def test_the_users_channel_carries_the_orders_of_other_sessions(alice_session, alice_phone):
    channel = f"private-user.{alice_phone.user_id}"
    async with pusher() as (socket, socket_id):
        await subscribed(socket, socket_id, channel, alice_phone)
        await happen(alice_session)
        frame = await socket.receive_json()
        assert (frame["event"], frame["channel"]) == (USER_PUSH, channel)


async def test_an_authenticated_socket_needs_no_prefix(alice_session):
    async with pusher(alice_session) as (socket, _id):
        for channel in (f"token.{alice_session.pk}", f"user.{alice_session.user_id}"):
            answer = await subscribe(socket, channel)
            assert answer["event"] == "pusher_internal:subscription_succeeded"
        await happen(alice_session)
        assert (await socket.receive_json())["channel"] == f"token.{alice_session.pk}"
        assert (await socket.receive_json())["channel"] == f"user.{alice_session.user_id}"


async def test_the_bearer_header_authenticates(alice, sign_in):
    signed_in = await sync_to_async(sign_in)(alice)
    async with opened(PUSHER, bearer=signed_in.bearer) as socket:
        await socket.receive_json()
        answer = await subscribe(socket, f"token.{signed_in.session_id}")
        assert answer["event"] == "pusher_internal:subscription_succeeded"


async def test_unsubscribing_ends_it(alice_session):
    channel = f"private-token.{alice_session.pk}"
    async with pusher() as (socket, socket_id):
        await subscribed(socket, socket_id, channel, alice_session)
        await socket.send_json({"event": "pusher:unsubscribe", "data": {"channel": channel}})
        await happen(alice_session)
        assert await socket.receive_nothing()


async def test_an_unprefixed_channel_needs_an_authenticated_socket(alice_session):
    async with pusher() as (socket, _id):
        assert error_of(await subscribe(socket, f"token.{alice_session.pk}")) == 4009


async def test_mallory_may_not_listen_to_alice(alice_session, mallory_session):
    async with pusher(mallory_session) as (socket, socket_id):
        for channel in (f"token.{alice_session.pk}", f"user.{alice_session.user_id}"):
            assert error_of(await subscribe(socket, channel)) == 4009
            private = f"private-{channel}"
            assert error_of(await subscribe(socket, private)) == 4009
            auth = await signed(socket_id, private, mallory_session)
            assert error_of(await subscribe(socket, private, auth)) == 4009
        await happen(alice_session)
        assert await socket.receive_nothing()


async def test_a_signature_is_for_one_socket(alice_session):
    channel = f"private-token.{alice_session.pk}"
    async with pusher() as (_first, first_id), pusher() as (second, _second_id):
        auth = await signed(first_id, channel, alice_session)
        assert error_of(await subscribe(second, channel, auth)) == 4009


@pytest.mark.parametrize("auth", ["", "vms:00", "é", 7, {}, "\ud800"])
async def test_refuses_a_wrong_signature(alice_session, auth):
    async with pusher() as (socket, _id):
        answer = await subscribe(socket, f"private-token.{alice_session.pk}", auth)
        assert error_of(answer) == 4009


@pytest.mark.parametrize("channel", ["", "private-", "news", "token.", "presence-user.1", "é"])
async def test_refuses_channels_that_are_nobodys(alice_session, channel):
    async with pusher(alice_session) as (socket, socket_id):
        auth = await signed(socket_id, channel, alice_session)
        assert error_of(await subscribe(socket, channel, auth)) == 4009


async def test_refuses_an_unknown_app():
    async with opened("/ws/app/other") as socket:
        assert error_of(await socket.receive_json()) == 4001
        assert await socket.closed_with() == 4001


async def test_refuses_wrong_credentials():
    async with opened(f"{PUSHER}?token=wrong") as socket:
        assert error_of(await socket.receive_json()) == 4009
        assert await socket.closed_with() == 4009


async def test_refuses_events_of_clients(alice_session):
    async with pusher(alice_session) as (socket, _id):
        channel = f"token.{alice_session.pk}"
        await subscribe(socket, channel)
        await socket.send_json({"event": "client-typing", "channel": channel, "data": {}})
        assert error_of(await socket.receive_json()) == 4301
        assert await socket.receive_nothing()


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        "[]",
        "[" * 60_000,
        "{}",
        '{"event": 7}',
        '{"event": "pusher:dance"}',
        '{"event": "pusher:subscribe"}',
        '{"event": "pusher:subscribe", "data": "text"}',
        '{"event": "pusher:subscribe", "data": {"channel": 7}}',
        '{"event": "pusher:unsubscribe", "data": []}',
        json.dumps({"event": "pusher:ping", "data": "x" * 65_536}),
        b"\x00\xff",
    ],
)
async def test_answers_a_broken_frame_and_goes_on(frame):
    async with pusher() as (socket, _id):
        await socket.send_frame(frame)
        assert error_of(await socket.receive_json()) == 4200
        await socket.send_json({"event": "pusher:ping"})
        assert (await socket.receive_json())["event"] == "pusher:pong"


async def revoke(session):
    session.revoked_at = timezone.now()
    await session.asave()


async def test_a_revoked_session_is_closed_in_time(alice_session, monkeypatch):
    monkeypatch.setattr(socket_module, "RECHECK_SECONDS", 0.05)
    async with pusher() as (socket, socket_id):
        channel = f"private-user.{alice_session.user_id}"
        await subscribed(socket, socket_id, channel, alice_session)
        await revoke(alice_session)
        assert error_of(await socket.receive_json()) == 4009
        assert await socket.closed_with() == 4009


async def test_a_revoked_session_gets_no_event(alice_session, alice_phone):
    async with pusher() as (socket, socket_id):
        channel = f"private-user.{alice_phone.user_id}"
        await subscribed(socket, socket_id, channel, alice_phone)
        await revoke(alice_phone)
        await happen(alice_session)
        assert error_of(await socket.receive_json()) == 4009
        assert await socket.closed_with() == 4009
