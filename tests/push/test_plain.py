from __future__ import annotations

import json

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.utils import timezone

from tests.push.sockets import (
    PLAIN,
    TOKEN_PUSH,
    USER_PUSH,
    happen,
    opened,
    plain,
    with_ticket,
)
from vms.accounts.models import Session
from vms.accounts.sockets import close_sockets
from vms.push import allowance, feed, watch
from vms.push import plain as plain_module
from vms.push.publish import record_event, send_unstored

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_ticket_opens_it(alice_session):
    async with opened(await with_ticket(PLAIN, alice_session)) as socket:
        assert await socket.receive_json() == {
            "type": "authenticated",
            "session": alice_session.pk,
            "user_id": alice_session.user_id,
            "last_id": 0,
        }


async def test_the_bearer_header_opens_it(alice, sign_in):
    signed_in = await sync_to_async(sign_in)(alice)
    async with opened(PLAIN, bearer=signed_in.bearer) as socket:
        assert (await socket.receive_json())["session"] == signed_in.session_id


async def test_a_first_message_opens_it(alice, sign_in):
    signed_in = await sync_to_async(sign_in)(alice)
    async with opened(PLAIN) as socket:
        await socket.send_json({"type": "auth", "token": signed_in.token})
        assert (await socket.receive_json())["session"] == signed_in.session_id


async def test_delivers_an_order_of_its_session_once(alice_session):
    async with plain(alice_session) as socket:
        event_id = await happen(alice_session)
        assert await socket.receive_json() == {
            "type": "event",
            "event": TOKEN_PUSH,
            "channel": f"token.{alice_session.pk}",
            "data": {"type": "archive_generated", "number": 1},
            "subject": None,
            "message": None,
            "id": event_id,
        }
        assert await socket.receive_nothing()


async def test_tells_the_other_sessions_of_the_user(alice_session, alice_phone):
    async with plain(alice_phone) as socket:
        await happen(alice_session)
        message = await socket.receive_json()
        assert message["event"] == USER_PUSH
        assert message["channel"] == f"user.{alice_session.user_id}"
        assert await socket.receive_nothing()


async def test_delivers_in_order(alice_session):
    async with plain(alice_session) as socket:
        sent = [await happen(alice_session, number) for number in range(5)]
        assert [(await socket.receive_json())["id"] for _ in sent] == sent


async def test_passes_on_what_has_no_id_every_time(alice_session):
    async with plain(alice_session) as socket:
        for _ in range(2):
            await sync_to_async(send_unstored)(
                alice_session.user_id, alice_session.pk, {"type": "archive_progress"}, 1.0
            )
            message = await socket.receive_json()
            assert "id" not in message
            assert message["data"] == {"type": "archive_progress"}


async def test_answers_a_ping(alice_session):
    async with plain(alice_session) as socket:
        await socket.send_json({"type": "ping"})
        assert await socket.receive_json() == {"type": "pong"}


async def test_resumes_what_was_missed_in_order(alice_session, alice_phone, monkeypatch):
    monkeypatch.setattr(feed, "PAGE", 2)
    seen = await happen(alice_session)
    missed = [await happen(session) for session in (alice_session, alice_phone, alice_session)]
    async with plain(alice_session) as socket:
        await socket.send_json({"type": "resume", "after": seen})
        messages = [await socket.receive_json() for _ in missed]
        assert [message["id"] for message in messages] == missed
        assert [message["event"] for message in messages] == [TOKEN_PUSH, USER_PUSH, TOKEN_PUSH]
        assert await socket.receive_nothing()


async def test_goes_on_after_the_id_in_the_address_in_order(alice_session, monkeypatch):
    monkeypatch.setattr(feed, "PAGE", 2)
    missed = [await happen(alice_session, number) for number in range(6)][2:]
    path = f"{await with_ticket(PLAIN, alice_session)}&after=2"
    async with opened(path) as socket:
        assert (await socket.receive_json())["last_id"] == 2
        live = await happen(alice_session)
        arrived = [(await socket.receive_json())["id"] for _ in [*missed, live]]
        assert arrived == [*missed, live]
        await socket.send_json({"type": "resume", "after": 2})
        assert await socket.receive_nothing()


async def test_goes_on_after_the_id_in_the_first_message(alice, sign_in):
    signed_in = await sync_to_async(sign_in)(alice)
    session = await Session.objects.aget(pk=signed_in.session_id)
    sent = [await happen(session) for _ in range(2)]
    async with opened(PLAIN) as socket:
        await socket.send_json({"type": "auth", "token": signed_in.token, "after": sent[0]})
        assert (await socket.receive_json())["last_id"] == sent[0]
        assert (await socket.receive_json())["id"] == sent[1]


async def test_tells_where_the_ids_are_to_who_has_none(alice_session):
    await happen(alice_session)
    async with plain(alice_session) as socket:
        event_id = await happen(alice_session)
        assert (await socket.receive_json())["id"] == event_id


async def test_an_id_that_was_never_given_out_keeps_nothing_back(alice_session):
    await happen(alice_session)
    async with opened(f"{await with_ticket(PLAIN, alice_session)}&after=99999999999999") as socket:
        assert (await socket.receive_json())["last_id"] == 1
        event_id = await happen(alice_session)
        assert (await socket.receive_json())["id"] == event_id


@pytest.mark.parametrize("after", ["", "-1", "x", "1.5", "²", "9" * 30])
async def test_refuses_an_address_with_a_wrong_id(alice_session, after):
    async with opened(f"{await with_ticket(PLAIN, alice_session)}&after={after}") as socket:
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4400


async def test_numbers_events_user_by_user(alice_session, mallory_session):
    numbers = [await happen(session) for session in (alice_session, mallory_session) * 2]
    assert numbers == [1, 1, 2, 2]


async def test_resuming_never_repeats_what_came_live(alice_session):
    missed = await happen(alice_session)
    async with plain(alice_session) as socket:
        live = await happen(alice_session)
        assert (await socket.receive_json())["id"] == live
        for _ in range(2):
            await socket.send_json({"type": "resume", "after": 0})
        assert (await socket.receive_json())["id"] == missed
        assert await socket.receive_nothing()


async def test_what_was_replayed_does_not_come_again_live(alice_session, monkeypatch):
    """The event is committed and read by the replay while its live copy still is on the way."""
    on_the_way = []
    monkeypatch.setattr("vms.push.publish.send_to_groups", on_the_way.append)
    event_id = await happen(alice_session)
    async with plain(alice_session) as socket:
        await socket.send_json({"type": "resume", "after": 0})
        assert (await socket.receive_json())["id"] == event_id
        for group, message in on_the_way[0]:
            await get_channel_layer().group_send(group, message)
        assert await socket.receive_nothing()


async def test_mallory_hears_and_resumes_nothing_of_alice(alice_session, mallory_session):
    await happen(alice_session)
    async with plain(mallory_session) as socket:
        await socket.send_json({"type": "resume", "after": 0})
        await happen(alice_session)
        assert await socket.receive_nothing()


@pytest.mark.parametrize("ticket", ["", "wrong", "é" * 43, "x" * 43])
async def test_refuses_a_wrong_ticket(ticket):
    async with opened(f"{PLAIN}?token={ticket}") as socket:
        assert await socket.receive_json() == {"type": "error", "message": "Unauthenticated."}
        assert await socket.closed_with() == 4401


async def test_refuses_a_used_ticket(alice_session):
    path = await with_ticket(PLAIN, alice_session)
    async with opened(path) as socket:
        assert (await socket.receive_json())["type"] == "authenticated"
    async with opened(path) as socket:
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


@pytest.mark.parametrize("bearer", ["Bearer wrong", "Bearer ", "Basic YWxpY2U6eA==", "Bearer é"])
async def test_refuses_a_wrong_header(db, bearer):
    async with opened(PLAIN, bearer=bearer) as socket:
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


@pytest.mark.parametrize("token", ["wrong", "", None, 7, {}, "é", "\ud800", "x" * 5000])
async def test_refuses_a_wrong_first_message(db, token):
    async with opened(PLAIN) as socket:
        await socket.send_json({"type": "auth", "token": token})
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


async def test_refuses_who_says_nothing(db, monkeypatch):
    monkeypatch.setattr(plain_module, "AUTH_SECONDS", 0.05)
    async with opened(PLAIN) as socket:
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


async def test_a_stranger_may_not_resume(alice_session):
    await happen(alice_session)
    async with opened(PLAIN) as socket:
        await socket.send_json({"type": "resume", "after": 0})
        assert await socket.receive_json() == {
            "type": "error",
            "message": "Authenticate first.",
        }


async def test_stays_who_it_is(alice_session):
    async with plain(alice_session) as socket:
        await socket.send_json({"type": "auth", "token": "another"})
        assert (await socket.receive_json())["type"] == "error"
        await happen(alice_session)
        assert (await socket.receive_json())["type"] == "event"


@pytest.mark.parametrize("after", [None, "1", -1, 1.5, True, 2**63, [], {}])
async def test_refuses_to_resume_after_no_id(alice_session, after):
    async with plain(alice_session) as socket:
        await socket.send_json({"type": "resume", "after": after})
        assert (await socket.receive_json())["type"] == "error"


UNREADABLE_FRAMES = [
    "no json",
    "[]",
    '"text"',
    "[" * 16_000,
    "1" * 16_000,
    json.dumps({"type": "ping", "padding": "x" * 16_384}),
    b"\x00\xff",
    b'{"type": "ping"}',
]


@pytest.mark.parametrize("frame", UNREADABLE_FRAMES)
async def test_says_what_is_wrong_with_an_unreadable_frame_and_closes(alice_session, frame):
    async with plain(alice_session) as socket:
        await socket.send_frame(frame)
        answer = await socket.receive_json()
        assert answer["type"] == "error"
        assert isinstance(answer["message"], str)
        assert await socket.closed_with() == 4400


@pytest.mark.parametrize("frame", ["{}", '{"type": "dance"}', '{"type": ["ping"]}'])
async def test_answers_what_it_does_not_understand_and_goes_on(alice_session, frame):
    async with plain(alice_session) as socket:
        await socket.send_frame(frame)
        assert (await socket.receive_json())["type"] == "error"
        await socket.send_json({"type": "ping"})
        assert await socket.receive_json() == {"type": "pong"}


async def test_closes_a_socket_that_is_flooded(alice_session, monkeypatch):
    monkeypatch.setattr(allowance, "PER_SECOND", 0)
    async with plain(alice_session) as socket, plain(alice_session) as other:
        for _ in range(allowance.BURST + 1):
            await socket.send_json({"type": "ping"})
        for _ in range(allowance.BURST):
            assert await socket.receive_json() == {"type": "pong"}
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4429
        await other.send_json({"type": "ping"})
        assert await other.receive_json() == {"type": "pong"}


async def revoke(session):
    session.revoked_at = timezone.now()
    await session.asave()


async def test_a_revoked_session_is_closed_in_time(alice_session, monkeypatch):
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    async with plain(alice_session) as socket:
        await revoke(alice_session)
        assert await socket.receive_json() == {
            "type": "error",
            "message": "The session has ended.",
        }
        assert await socket.closed_with() == 4401


async def test_a_disabled_user_is_closed_in_time(alice, alice_session, monkeypatch):
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    async with plain(alice_session) as socket:
        alice.is_active = False
        await alice.asave()
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


async def test_a_revoked_session_gets_no_event(alice_session):
    async with plain(alice_session) as socket:
        await revoke(alice_session)
        await happen(alice_session)
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


async def test_a_revoked_session_cannot_resume(alice_session):
    await happen(alice_session)
    async with plain(alice_session) as socket:
        await revoke(alice_session)
        await socket.send_json({"type": "resume", "after": 0})
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


async def test_close_sockets_closes_that_session_at_once(alice_session, alice_phone):
    async with plain(alice_session) as socket, plain(alice_phone) as phone:
        await sync_to_async(close_sockets)([alice_session.pk])
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401
        assert await phone.receive_nothing()


async def test_a_ticket_of_a_revoked_session_opens_nothing(alice_session):
    path = await with_ticket(PLAIN, alice_session)
    await revoke(alice_session)
    async with opened(path) as socket:
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


async def test_an_order_without_a_session_reaches_every_socket_once(alice_session):
    async with plain(alice_session) as socket:
        await sync_to_async(record_event)(
            user_id=alice_session.user_id, session_id="", body={}, now=timezone.now()
        )
        assert (await socket.receive_json())["event"] == USER_PUSH
        assert await socket.receive_nothing()
