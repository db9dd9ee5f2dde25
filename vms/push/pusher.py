"""The Pusher protocol, version 7, as far as subscribing and listening need it."""

from __future__ import annotations

import json
import secrets
from typing import Any

from channels.db import database_sync_to_async
from django.utils import timezone

from vms.accounts.models import Session
from vms.push.channels import PRIVATE, app_key, own_channels, verify, without_prefix
from vms.push.credentials import BadCredentials, session_of_scope
from vms.push.sessions import live_session
from vms.push.socket import Message, PushSocket
from vms.push.tickets import granted_session

ACTIVITY_TIMEOUT = 120
# A page subscribes as soon as it is connected; each subscription is signed for somebody.
ANONYMOUS_SECONDS = 60.0
UNKNOWN_APP = 4001
UNAUTHORISED = 4009
BAD_MESSAGE = 4200
CLIENT_EVENT_REFUSED = 4301
LARGEST_HALF_ID = 10**9


class PusherConsumer(PushSocket):
    """The socket at `/ws/app/<app key>`, for pusher-js, Laravel Echo and their like.

    A subscription to `private-token.<session>` or `private-user.<user>` brings the signature that
    `POST /broadcasting/auth` gave out for this socket id. The same channels without the prefix are
    open to a socket that came with a Bearer header or a ticket. A channel delivers what is sent on
    it, so a client that listens to both hears its own orders on both.

    Source: Pusher Channels Protocol, version 7. In frames to the client `data` is a JSON text,
    except in `pusher:error`, where it is an object.

    A socket that came with nothing and subscribes to nothing is closed after ANONYMOUS_SECONDS.
    """

    def __init__(self) -> None:
        super().__init__()
        number = secrets.randbelow
        self.socket_id = f"{1 + number(LARGEST_HALF_ID)}.{1 + number(LARGEST_HALF_ID)}"
        self.session: Session | None = None
        # The name a client subscribed to -> the session that may listen to it.
        self.subscriptions: dict[str, str] = {}

    def session_ids(self) -> set[str]:
        own = {self.session.pk} if self.session else set()
        return own | set(self.subscriptions.values())

    async def connect(self) -> None:
        await self.accept()
        if self.scope["url_route"]["kwargs"]["app_key"] != app_key():
            await self.end(UNKNOWN_APP, "There is no app with this key.")
            return
        try:
            self.session = await database_sync_to_async(session_of_scope)(
                self.scope, timezone.now()
            )
        except BadCredentials:
            await self.refuse("Unauthenticated.")
            return
        if self.session is None:
            await self.wait_anonymously(ANONYMOUS_SECONDS)
        else:
            await self.follow_session(self.session.pk)
        if self.is_closed:
            return
        told = {"socket_id": self.socket_id, "activity_timeout": ACTIVITY_TIMEOUT}
        await self.say("pusher:connection_established", told)

    async def handle(self, message: Message) -> None:
        event = message.get("event")
        data = message.get("data")
        if not isinstance(event, str):
            await self.complain("The message names no event.")
        elif event == "pusher:ping":
            await self.say("pusher:pong", {})
        elif event == "pusher:pong":
            return
        elif event in {"pusher:subscribe", "pusher:unsubscribe"}:
            await self.change_subscription(event, data)
        elif event.startswith("client-"):
            await self.warn(CLIENT_EVENT_REFUSED, "Client events are not accepted.")
        else:
            await self.complain("This event is not understood.")

    async def change_subscription(self, event: str, data: object) -> None:
        channel = data.get("channel") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(channel, str):
            await self.complain("The message names no channel.")
        elif event == "pusher:subscribe":
            await self.subscribe(channel, data.get("auth"))
        else:
            await self.unsubscribe(channel)

    async def subscribe(self, channel: str, auth: object) -> None:
        if channel.startswith(PRIVATE):
            session = await self.signed_for(channel, auth)
        else:
            session = self.session
        if session is None or without_prefix(channel) not in own_channels(
            session.pk, session.user_id
        ):
            await self.warn(UNAUTHORISED, "Not authorised for this channel.", channel)
            return
        self.subscriptions[channel] = session.pk
        await self.follow_session(session.pk)
        await self.join(without_prefix(channel))
        await self.say("pusher_internal:subscription_succeeded", {}, channel)

    async def signed_for(self, channel: str, auth: object) -> Session | None:
        """Find the session that `auth` was given to; None when it is not good for this socket."""
        if not isinstance(auth, str) or not verify(self.socket_id, channel, auth):
            return None
        session: Session | None = await database_sync_to_async(self.grantee)(channel)
        return session

    def grantee(self, channel: str) -> Session | None:
        session_id = granted_session(self.socket_id, channel)
        return live_session(session_id, timezone.now()) if session_id else None

    async def unsubscribe(self, channel: str) -> None:
        if self.subscriptions.pop(channel, None) is None:
            return
        group = without_prefix(channel)
        if group not in map(without_prefix, self.subscriptions):
            await self.leave(group)

    async def forward(self, message: Message) -> None:
        for channel in (message["channel"], PRIVATE + message["channel"]):
            if channel in self.subscriptions:
                await self.say(message["event"], message["body"], channel)

    async def complain(self, reason: str) -> None:
        await self.warn(BAD_MESSAGE, reason)

    async def refuse(self, reason: str) -> None:
        await self.end(UNAUTHORISED, reason)

    async def end(self, code: int, reason: str) -> None:
        await self.warn(code, reason)
        await self.close(code)

    async def warn(self, code: int, reason: str, channel: str | None = None) -> None:
        frame: dict[str, Any] = {"event": "pusher:error", "data": {"code": code, "message": reason}}
        if channel is not None:
            frame["channel"] = channel
        await self.send(text_data=json.dumps(frame))

    async def say(self, event: str, data: Message, channel: str | None = None) -> None:
        frame = {"event": event, "data": json.dumps(data)}
        if channel is not None:
            frame["channel"] = channel
        await self.send(text_data=json.dumps(frame))
