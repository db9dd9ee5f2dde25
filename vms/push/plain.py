"""Plain mode: one JSON object a message, for clients that do not speak Pusher."""

from __future__ import annotations

import json
from typing import Any

from channels.db import database_sync_to_async
from django.utils import timezone

from vms.accounts.models import Session
from vms.push.channels import own_channels
from vms.push.credentials import BadCredentials, session_of_scope, session_of_text
from vms.push.messages import USER_PUSH
from vms.push.resume import LARGEST_ID, Delivered, page_after
from vms.push.socket import Message, PushSocket

AUTH_SECONDS = 5.0
UNAUTHENTICATED = 4401


class PlainConsumer(PushSocket):
    r"""The socket at `/ws/notifications`.

    A client says who it is by a Bearer header, by `?token=` with a ticket, or by its first message
    within five seconds:

        -> {"type": "auth", "token": "<access token>"}
        <- {"type": "authenticated", "session": "<session id>", "user_id": 7}

    Then it is sent what happens, each event once, and may ask for what it missed:

        -> {"type": "resume", "after": 41}
        <- {"type": "event", "event": "App\\Events\\TokenPush", "channel": "token.<session id>",
            "data": {...}, "subject": null, "message": null, "id": 42}
        -> {"type": "ping"}
        <- {"type": "pong"}

    `TokenPush` is about what this session ordered, `UserPush` (on `user.<user id>`) about what
    another session of the user did. A client remembers the highest id it saw; an event without an
    id, such as progress, is not kept. Resuming answers with the missed events in the order of
    their ids, and never repeats what this socket has already sent.

    A message that is not understood is answered by {"type": "error", "message": ...}. When the
    client may not be here (any more) that is followed by a close with code 4401; a close with code
    1012 means come back and resume.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self.delivered = Delivered()

    def session_ids(self) -> set[str]:
        return {self.session.pk} if self.session else set()

    async def connect(self) -> None:
        await self.accept()
        try:
            session = await database_sync_to_async(session_of_scope)(self.scope, timezone.now())
        except BadCredentials:
            await self.refuse("Unauthenticated.")
            return
        if session is None:
            await self.wait_anonymously(AUTH_SECONDS)
        else:
            await self.welcome(session)

    async def welcome(self, session: Session) -> None:
        """Join before answering, so whatever happens after the answer is heard."""
        self.session = session
        self.leave_anonymity()
        for channel in own_channels(session.pk, session.user_id):
            await self.join(channel)
        await self.follow_session(session.pk)
        await self.say(type="authenticated", session=session.pk, user_id=session.user_id)

    async def handle(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "ping":
            await self.say(type="pong")
        elif kind == "auth":
            await self.authenticate(message.get("token"))
        elif kind == "resume":
            await self.resume(message.get("after"))
        else:
            await self.complain("Unknown type; send auth, resume or ping.")

    async def authenticate(self, token: object) -> None:
        if self.session is not None:
            await self.complain("This socket is already authenticated.")
            return
        try:
            session = await database_sync_to_async(session_of_text)(token, timezone.now())
        except BadCredentials:
            await self.refuse("Unauthenticated.")
        else:
            await self.welcome(session)

    async def resume(self, after: object) -> None:
        """Replay what the user missed after an id.

        Live events wait in the channel layer meanwhile; those that the replay has already read
        from the database are recognised by their ids and dropped.
        """
        if self.session is None:
            await self.complain("Authenticate first.")
            return
        if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after <= LARGEST_ID:
            await self.complain("Send the id of the last event you saw as `after`, or 0.")
            return
        last: int | None = after
        while last is not None and not await self.close_if_ended():
            page = await database_sync_to_async(page_after)(self.session, last)
            for message in page.messages:
                await self.forward(message)
            last = page.next_after

    async def forward(self, message: Message) -> None:
        if self.is_echo(message):
            return
        if self.delivered.add(message["body"].get("id")):
            named = {"event": message["event"], "channel": message["channel"]}
            await self.say(type="event", **named, **message["body"])

    def is_echo(self, message: Message) -> bool:
        """Say whether this is the user's copy of what this session was told itself."""
        is_own = message["session_id"] in self.session_ids()
        return is_own and message["event"] == USER_PUSH

    async def complain(self, reason: str) -> None:
        await self.say(type="error", message=reason)

    async def refuse(self, reason: str) -> None:
        await self.complain(reason)
        await self.close(UNAUTHENTICATED)

    async def say(self, **message: Any) -> None:
        await self.send(text_data=json.dumps(message))
