"""Plain mode: one JSON object a message, for clients that do not speak Pusher."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from channels.db import database_sync_to_async
from django.utils import timezone

from vms.accounts.models import Session
from vms.push.channels import token_channel, user_channel
from vms.push.closing import PLAIN_CODES, Why
from vms.push.credentials import BadCredentials, query_field, session_of_scope, session_of_text
from vms.push.feed import LARGEST_NUMBER, last_number
from vms.push.messages import TOKEN_PUSH, USER_PUSH
from vms.push.socket import Message, PushSocket

AUTH_SECONDS = 5.0
BAD_AFTER = "Send the id of the last event you saw as `after`, or 0."
# More digits than the largest number has; reading an endless one takes long.
LONGEST_NUMBER = 20


class BadNumber(Exception):
    """Something was given as the id of an event that is none."""


class PlainConsumer(PushSocket):
    r"""The socket at `/ws/notifications`.

    A client says who it is by a Bearer header, by `?token=` with a ticket, or by its first message
    within five seconds:

        -> {"type": "auth", "token": "<access token>", "after": 41}
        <- {"type": "authenticated", "session": "<session id>", "user_id": 7, "last_id": 41}
        <- {"type": "event", "event": "App\\Events\\TokenPush", "channel": "token.<session id>",
            "data": {...}, "subject": null, "message": null, "id": 42}

    `TokenPush` is about what this session ordered, `UserPush` (on `user.<user id>`) about what
    another session of the user did. A client remembers the highest id it saw (`last_id`, while it
    saw none) and brings it as `after` when it comes back, in that message or as `?after=` in the
    address: it is sent what it missed and then what happens, in the order of the ids, each once.
    An event without an id, such as progress, is not kept.

        -> {"type": "resume", "after": 41}
        -> {"type": "ping"}
        <- {"type": "pong"}

    `resume` asks for the same later. What is older than this socket then comes after what it was
    sent already; nothing is repeated.

    A message that is not understood is answered by {"type": "error", "message": ...}. When the
    socket ends over it a close follows, see PLAIN_CODES; 1012 means come back and resume.
    """

    kind = "plain"

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None

    def session_ids(self) -> set[str]:
        return {self.session.pk} if self.session else set()

    async def connect(self) -> None:
        await self.accept()
        try:
            after = after_of(self.scope)
            session = await database_sync_to_async(session_of_scope)(self.scope, timezone.now())
        except BadNumber:
            await self.end(Why.UNREADABLE, BAD_AFTER)
        except BadCredentials:
            await self.end(Why.UNAUTHENTICATED, "Unauthenticated.")
        else:
            if session is None:
                await self.wait_anonymously(AUTH_SECONDS)
            else:
                await self.welcome(session, after)

    async def welcome(self, session: Session, after: int | None) -> None:
        """Listen before answering, so whatever happens after the answer is heard."""
        self.session = session
        self.leave_anonymity()
        reader = await self.read_events(session.user_id, after)
        await self.follow_session(session.pk)
        last = await database_sync_to_async(last_number)(session.user_id)
        await self.say(
            type="authenticated", session=session.pk, user_id=session.user_id, last_id=reader.last
        )
        await reader.catch_up(last)

    async def handle(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "ping":
            await self.say(type="pong")
        elif kind == "auth":
            await self.authenticate(message)
        elif kind == "resume":
            await self.resume(message.get("after"))
        else:
            await self.complain("Unknown type; send auth, resume or ping.")

    async def authenticate(self, message: Message) -> None:
        if self.session is not None:
            await self.complain("This socket is already authenticated.")
            return
        try:
            after = read_number(message.get("after"))
            session = await database_sync_to_async(session_of_text)(
                message.get("token"), timezone.now()
            )
        except BadNumber:
            await self.complain(BAD_AFTER)
        except BadCredentials:
            await self.end(Why.UNAUTHENTICATED, "Unauthenticated.")
        else:
            await self.welcome(session, after)

    async def resume(self, after: object) -> None:
        """Replay what the user missed after an id; live events wait meanwhile."""
        if self.session is None:
            await self.complain("Authenticate first.")
            return
        try:
            number = read_number(after)
        except BadNumber:
            number = None
        if number is None:
            await self.complain(BAD_AFTER)
        elif not await self.close_if_ended():
            await self.readers[self.session.user_id].replay(number)

    async def forward(self, message: Message) -> None:
        session_id = message["session_id"]
        if session_id in self.session_ids():
            named = {"event": TOKEN_PUSH, "channel": token_channel(session_id)}
        else:
            named = {"event": USER_PUSH, "channel": user_channel(message["user_id"])}
        await self.say(type="event", **named, **message["body"])

    async def complain(self, reason: str) -> None:
        await self.say(type="error", message=reason)

    async def end(self, why: Why, reason: str) -> None:
        await self.complain(reason)
        await self.close(PLAIN_CODES[why])

    async def say(self, **message: Any) -> None:
        await self.send(text_data=json.dumps(message))


def after_of(scope: Mapping[str, Any]) -> int | None:
    """Read `?after=` of the address; None when it is not there.

    Raises:
        BadNumber: it is there and no number of an event.
    """
    text = query_field(scope, "after")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise BadNumber
    return read_number(int(text[:LONGEST_NUMBER]))


def read_number(value: object) -> int | None:
    """Read the number of an event, or 0; None when it is not given.

    Raises:
        BadNumber: it is something else.
    """
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_NUMBER:
        raise BadNumber
    return value
