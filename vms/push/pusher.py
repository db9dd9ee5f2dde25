"""The Pusher protocol, version 7, as far as subscribing and listening need it."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from django.utils import timezone

from vms.accounts.models import Session
from vms.push.channels import PRIVATE, app_key, own_channels, user_channel, verify, without_prefix
from vms.push.closing import PUSHER_CODES, Why
from vms.push.credentials import BadCredentials, query_field, session_of_scope
from vms.push.messages import TOKEN_PUSH, USER_PUSH, number_of
from vms.push.sessions import live_session
from vms.push.socket import Message, PushSocket
from vms.push.tickets import Grant, find_grant

# A client that was not heard for so long is asked whether it is there, and then has so long.
ACTIVITY_SECONDS = 120.0
PONG_SECONDS = 30.0
# A page subscribes as soon as it is connected; each subscription is signed for somebody.
ANONYMOUS_SECONDS = 60.0
# Of which nothing that we speak differs from 7.
VERSIONS = {"5", "6", "7"}
LARGEST_HALF_ID = 10**9

# Source: Pusher Channels Protocol, "4300-4399: any other type of error"; the socket stays open.
CLIENT_EVENT_REFUSED = 4301
NOT_UNDERSTOOD = 4302

NO_PRESENCE = "There are no presence channels here."
NO_PUBLIC = "There are no public channels here; subscribe to your private- channel."
NOT_YOURS = "Not authorised for this channel."


@dataclass(frozen=True)
class Subscription:
    """Whose session may listen, and the user's last event when it began; later ones are live."""

    session_id: str
    user_id: int
    since: int


class PusherConsumer(PushSocket):
    """The socket at `/ws/app/<app key>`, for pusher-js, Laravel Echo and their like.

    A subscription to `private-token.<session>` or `private-user.<user>` brings the signature that
    `POST /broadcasting/auth` gave out for this socket id. The same channels without the prefix are
    open to a socket that came with a Bearer header or a ticket. A channel delivers what is sent on
    it, so a client that listens to both hears its own orders on both.

    Source: Pusher Channels Protocol, version 7. In frames to the client `data` is a JSON text,
    except in `pusher:error`, where it is an object. The protocol knows no resuming; ours is in the
    signature: who asked for it with `after` is sent what the channel carried since.

    A socket that came with nothing and subscribes to nothing is closed after ANONYMOUS_SECONDS.
    """

    kind = "pusher"

    def __init__(self) -> None:
        super().__init__()
        number = secrets.randbelow
        self.socket_id = f"{1 + number(LARGEST_HALF_ID)}.{1 + number(LARGEST_HALF_ID)}"
        self.session: Session | None = None
        # The name a client subscribed to -> what it may hear there.
        self.subscriptions: dict[str, Subscription] = {}
        self.pinged_at: float | None = None

    def session_ids(self) -> set[str]:
        own = {self.session.pk} if self.session else set()
        return own | {one.session_id for one in self.subscriptions.values()}

    async def connect(self) -> None:
        await self.accept()
        self.heard_at = asyncio.get_running_loop().time()
        try:
            if not await self.is_for_us():
                return
            self.session = await database_sync_to_async(session_of_scope)(
                self.scope, timezone.now()
            )
        except BadCredentials:
            await self.end(Why.UNAUTHENTICATED, "Unauthenticated.")
            return
        if self.session is None:
            await self.wait_anonymously(ANONYMOUS_SECONDS)
        else:
            await self.follow_session(self.session.pk)
        if self.is_closed:
            return
        told = {"socket_id": self.socket_id, "activity_timeout": round(ACTIVITY_SECONDS)}
        await self.say("pusher:connection_established", told)

    async def is_for_us(self) -> bool:
        """Look at app key and version of the address; what is wrong ends the socket."""
        version = query_field(self.scope, "protocol")
        if self.scope["url_route"]["kwargs"]["app_key"] != app_key():
            await self.end(Why.UNKNOWN_APP, "There is no app with this key.")
        elif version is not None and version not in VERSIONS:
            await self.end(Why.UNKNOWN_VERSION, "This version of the protocol is not spoken here.")
        return not self.is_closed

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
        session, after = await self.grantee(channel, auth)
        if session is None:
            await self.refuse_subscription(channel)
            return
        await self.follow_session(session.pk)
        user_id = session.user_id
        reader = self.readers.get(user_id) or await self.read_events(user_id)
        async with reader.lock:
            kept = Subscription(session.pk, user_id, reader.last)
            self.subscriptions[channel] = kept
            await self.say("pusher_internal:subscription_succeeded", {}, channel)
            if after is not None:

                async def say_again(message: Message) -> None:
                    await self.say_on(channel, kept, message)

                await reader.read_between(after, kept.since, say_again)

    async def grantee(self, channel: str, auth: object) -> tuple[Session | None, int | None]:
        """Find whose session may subscribe to *channel*, and after which event it wants to hear."""
        grant = Grant(self.session.pk if self.session else "", None)
        if channel.startswith(PRIVATE):
            is_ours = isinstance(auth, str) and verify(self.socket_id, channel, auth)
            found = await database_sync_to_async(self.look_up)(channel) if is_ours else None
            session, grant = found or (None, grant)
        else:
            session = self.session
        if session is None or without_prefix(channel) not in own_channels(
            session.pk, session.user_id
        ):
            return None, None
        return session, grant.after

    def look_up(self, channel: str) -> tuple[Session | None, Grant] | None:
        grant = find_grant(self.socket_id, channel)
        return (live_session(grant.session_id, timezone.now()), grant) if grant else None

    async def refuse_subscription(self, channel: str) -> None:
        """Tell why not; pusher-js hands it to who bound `pusher:subscription_error`."""
        if channel.startswith("presence-"):
            reason = NO_PRESENCE
        elif channel.startswith(PRIVATE) or self.session is not None:
            reason = NOT_YOURS
        else:
            reason = NO_PUBLIC
        told = {"type": "AuthError", "error": reason, "status": 403}
        await self.say("pusher:subscription_error", told, channel)

    async def unsubscribe(self, channel: str) -> None:
        gone = self.subscriptions.pop(channel, None)
        if gone is None:
            return
        if all(one.user_id != gone.user_id for one in self.subscriptions.values()):
            # One that is catching up would send to who subscribes again what their new one sends.
            self.readers.pop(gone.user_id).stop()
            await self.leave(user_channel(gone.user_id))

    async def forward(self, message: Message) -> None:
        number = number_of(message)
        for channel, subscription in list(self.subscriptions.items()):
            # While one channel is sent to, another may be unsubscribed.
            is_current = self.subscriptions.get(channel) is subscription
            if is_current and (number is None or number > subscription.since):
                await self.say_on(channel, subscription, message)

    async def say_on(self, channel: str, subscription: Subscription, message: Message) -> None:
        """Send an event on a channel, if it is one of the channel's."""
        if message["user_id"] != subscription.user_id:
            return
        if without_prefix(channel) == user_channel(subscription.user_id):
            await self.say(USER_PUSH, message["body"], channel)
        elif message["session_id"] == subscription.session_id:
            await self.say(TOKEN_PUSH, message["body"], channel)

    def mind_silence(self, now: float) -> None:
        """Ask a client that is silent whether it is there; close when it does not say so."""
        if self.pinged_at is not None and self.heard_at >= self.pinged_at:
            self.pinged_at = None
        if self.pinged_at is None and now - self.heard_at > ACTIVITY_SECONDS:
            self.pinged_at = now
            self.start(self.say("pusher:ping", {}))
        elif self.pinged_at is not None and now - self.pinged_at > PONG_SECONDS:
            self.pinged_at = now
            self.start(self.end(Why.SILENT, "No answer to our ping."))

    async def complain(self, reason: str) -> None:
        await self.warn(NOT_UNDERSTOOD, reason)

    async def end(self, why: Why, reason: str) -> None:
        code = PUSHER_CODES[why]
        await self.warn(code, reason)
        await self.close(code)

    async def warn(self, code: int, reason: str) -> None:
        frame = {"event": "pusher:error", "data": {"code": code, "message": reason}}
        await self.send(text_data=json.dumps(frame))

    async def say(self, event: str, data: Message, channel: str | None = None) -> None:
        frame: dict[str, Any] = {"event": event, "data": json.dumps(data)}
        if channel is not None:
            frame["channel"] = channel
        await self.send(text_data=json.dumps(frame))
