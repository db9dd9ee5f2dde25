from __future__ import annotations

import asyncio
import json
import re

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from tests.push.sockets import PUSHER, TOKEN_PUSH, USER_PUSH, happen, opened, pusher
from tests.running import PATIENCE_SECONDS
from vms.push import allowance, feed, publish, watch
from vms.push import pusher as pusher_module
from vms.push.channels import sign_channel
from vms.push.reader import Reader
from vms.push.tickets import remember_grant

pytestmark = pytest.mark.django_db(transaction=True)


async def subscribe(socket, channel, auth=None):
    data = {"channel": channel} if auth is None else {"channel": channel, "auth": auth}
    await socket.send_json({"event": "pusher:subscribe", "data": data})
    return await socket.receive_json()


async def signed(socket_id, channel, session, after=None):
    """Do what the signing endpoint does for *session*."""
    await sync_to_async(remember_grant)(socket_id, channel, session.pk, after)
    return sign_channel(socket_id, channel)


async def subscribed(socket, socket_id, channel, session, after=None):
    answer = await subscribe(socket, channel, await signed(socket_id, channel, session, after))
    assert answer["event"] == "pusher_internal:subscription_succeeded"


def refusal_of(frame):
    """Read why a subscription was refused; says it of the channel, as pusher-js wants it."""
    assert frame["event"] == "pusher:subscription_error"
    assert "channel" in frame
    told = json.loads(frame["data"])
    assert (told["type"], told["status"]) == ("AuthError", 403)
    return told["error"]


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
        assert refusal_of(await subscribe(socket, f"token.{alice_session.pk}"))


async def test_mallory_may_not_listen_to_alice(alice_session, mallory_session):
    async with pusher(mallory_session) as (socket, socket_id):
        for channel in (f"token.{alice_session.pk}", f"user.{alice_session.user_id}"):
            assert refusal_of(await subscribe(socket, channel))
            private = f"private-{channel}"
            assert refusal_of(await subscribe(socket, private))
            auth = await signed(socket_id, private, mallory_session)
            assert refusal_of(await subscribe(socket, private, auth))
        await happen(alice_session)
        assert await socket.receive_nothing()


async def test_a_signature_is_for_one_socket(alice_session):
    channel = f"private-token.{alice_session.pk}"
    async with pusher() as (_first, first_id), pusher() as (second, _second_id):
        auth = await signed(first_id, channel, alice_session)
        assert refusal_of(await subscribe(second, channel, auth))


@pytest.mark.parametrize("auth", ["", "vms:00", "é", 7, {}, "\ud800"])
async def test_refuses_a_wrong_signature(alice_session, auth):
    async with pusher() as (socket, _id):
        answer = await subscribe(socket, f"private-token.{alice_session.pk}", auth)
        assert refusal_of(answer)


@pytest.mark.parametrize("channel", ["", "private-", "news", "token.", "presence-user.1", "é"])
async def test_refuses_channels_that_are_nobodys(alice_session, channel):
    async with pusher(alice_session) as (socket, socket_id):
        auth = await signed(socket_id, channel, alice_session)
        assert refusal_of(await subscribe(socket, channel, auth))


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


UNREADABLE_FRAMES = [
    "no json",
    "[]",
    "[" * 16_000,
    json.dumps({"event": "pusher:ping", "data": "x" * 16_384}),
    b"\x00\xff",
]


@pytest.mark.parametrize("frame", UNREADABLE_FRAMES)
async def test_says_what_is_wrong_with_an_unreadable_frame_and_closes(frame):
    async with pusher() as (socket, _id):
        await socket.send_frame(frame)
        assert error_of(await socket.receive_json()) == 4010
        assert await socket.closed_with() == 4010


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        '{"event": 7}',
        '{"event": "pusher:dance"}',
        '{"event": "pusher:subscribe"}',
        '{"event": "pusher:subscribe", "data": "text"}',
        '{"event": "pusher:subscribe", "data": {"channel": 7}}',
        '{"event": "pusher:unsubscribe", "data": []}',
    ],
)
async def test_answers_what_it_does_not_understand_and_goes_on(frame):
    async with pusher() as (socket, _id):
        await socket.send_frame(frame)
        assert error_of(await socket.receive_json()) == 4302
        await socket.send_json({"event": "pusher:ping"})
        assert (await socket.receive_json())["event"] == "pusher:pong"


async def test_a_flooded_socket_is_told_to_come_back_later(monkeypatch):
    monkeypatch.setattr(allowance, "PER_SECOND", 0)
    async with pusher() as (socket, _id):
        for _ in range(allowance.BURST + 1):
            await socket.send_json({"event": "pusher:ping"})
        for _ in range(allowance.BURST):
            assert (await socket.receive_json())["event"] == "pusher:pong"
        assert error_of(await socket.receive_json()) == 4100
        assert await socket.closed_with() == 4100


@pytest.mark.parametrize("version", ["5", "6", "7"])
async def test_speaks_these_versions(version):
    async with opened(f"{PUSHER}?protocol={version}&client=java-client") as socket:
        assert (await socket.receive_json())["event"] == "pusher:connection_established"


@pytest.mark.parametrize("version", ["4", "8", "x", "", "7.0"])
async def test_refuses_other_versions(version):
    async with opened(f"{PUSHER}?protocol={version}") as socket:
        assert error_of(await socket.receive_json()) == 4007
        assert await socket.closed_with() == 4007


@pytest.mark.parametrize(
    ("channel", "word"), [("presence-room", "presence"), ("news", "public"), ("private-x", "Not")]
)
async def test_says_why_a_channel_is_refused(channel, word):
    async with pusher() as (socket, _id):
        assert word in refusal_of(await subscribe(socket, channel, "vms:00"))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(pusher_module, "ACTIVITY_SECONDS", 0.1)
    monkeypatch.setattr(pusher_module, "PONG_SECONDS", 0.1)


async def test_a_client_that_answers_no_ping_is_dropped(impatient, alice_session):
    async with pusher(alice_session) as (socket, _id):
        assert await socket.receive_json() == {"event": "pusher:ping", "data": "{}"}
        assert error_of(await socket.receive_json()) == 4201
        assert await socket.closed_with() == 4201


async def test_a_client_that_answers_stays(impatient, monkeypatch, alice_session):
    monkeypatch.setattr(pusher_module, "PONG_SECONDS", 60)
    async with pusher(alice_session) as (socket, _id):
        for _ in range(5):
            assert (await socket.receive_json())["event"] == "pusher:ping"
            await socket.send_json({"event": "pusher:pong", "data": {}})
        await socket.send_json({"event": "pusher:ping"})
        frames = [(await socket.receive_json())["event"] for _ in range(2)]
        assert "pusher:pong" in frames


async def test_a_subscription_goes_on_after_the_id_it_was_signed_with(
    alice_session, alice_phone, monkeypatch
):
    """A pusher-js that reconnects has missed something; its signature request says from where."""
    monkeypatch.setattr(feed, "PAGE", 2)
    for session in (alice_session, alice_phone, alice_session, alice_session):
        await happen(session)
    own, users = f"private-token.{alice_session.pk}", f"private-user.{alice_session.user_id}"
    async with pusher() as (socket, socket_id):
        await subscribed(socket, socket_id, own, alice_session, after=1)
        assert [await id_on(socket, own) for _ in range(2)] == [3, 4]
        await subscribed(socket, socket_id, users, alice_session, after=2)
        assert [await id_on(socket, users) for _ in range(2)] == [3, 4]
        await happen(alice_session)
        assert {await id_on(socket, own), await id_on(socket, users)} == {5}
        assert await socket.receive_nothing()


class Held:
    """Holds the catching up of the first reader that does, when it has read what it missed."""

    def __init__(self, monkeypatch):
        self.reader = None
        self.arrived, self.goes_on, self.ended = (asyncio.Event() for _ in range(3))
        page, read_on = Reader.page, Reader.read_on

        async def held_page(reader, after, last):
            found = await page(reader, after, last)
            if reader is self.reader and not self.arrived.is_set():
                self.arrived.set()
                await self.goes_on.wait()
            return found

        async def noted_read_on(reader, known):
            self.reader = self.reader or reader
            await read_on(reader, known)
            if reader is self.reader:
                self.ended.set()

        monkeypatch.setattr(Reader, "page", held_page)
        monkeypatch.setattr(Reader, "read_on", noted_read_on)


async def test_who_subscribes_again_in_the_midst_of_catching_up_hears_each_event_once(
    alice_session, monkeypatch
):
    held = Held(monkeypatch)
    channel = f"private-user.{alice_session.user_id}"
    async with pusher() as (socket, socket_id):
        await subscribed(socket, socket_id, channel, alice_session)
        with monkeypatch.context() as away:
            away.setattr(publish, "send_to_groups", lambda _messages: False)
            for _ in range(3):
                await happen(alice_session)
        await watch.watch().find_missed()
        await asyncio.wait_for(held.arrived.wait(), PATIENCE_SECONDS)
        await socket.send_json({"event": "pusher:unsubscribe", "data": {"channel": channel}})
        await subscribed(socket, socket_id, channel, alice_session, after=0)
        assert [await id_on(socket, channel) for _ in range(3)] == [1, 2, 3]
        await happen(alice_session)
        assert await id_on(socket, channel) == 4
        held.goes_on.set()
        await asyncio.wait_for(held.ended.wait(), PATIENCE_SECONDS)
        await socket.send_json({"event": "pusher:ping"})
        assert (await socket.receive_json())["event"] == "pusher:pong"


async def id_on(socket, channel):
    frame = await socket.receive_json()
    assert frame["channel"] == channel
    return json.loads(frame["data"])["id"]


async def revoke(session):
    session.revoked_at = timezone.now()
    await session.asave()


async def test_a_revoked_session_is_closed_in_time(alice_session, monkeypatch):
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
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
