"""What both kinds of push socket share: joining, listening, limits, ending cleanly."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from redis.exceptions import RedisError

from vms.accounts.sockets import session_group
from vms.api.broadcast import BROKER_ERRORS
from vms.push import anonymous
from vms.push.allowance import Allowance
from vms.push.channels import user_channel
from vms.push.closing import SERVICE_RESTART, Why
from vms.push.feed import last_number
from vms.push.frames import BadFrame, read_frame
from vms.push.layer import PushLayer
from vms.push.reader import Reader
from vms.push.watch import watch

SESSION_OVER = "The session has ended."

Message = dict[str, Any]

log = structlog.get_logger(__name__)


class PushSocket(AsyncWebsocketConsumer):  # type: ignore[misc] # the library has no types
    """A socket that loses its connection when one of its sessions ends.

    Messages of the channel layer are handled one after another, and so are the client's; beside
    them runs only what the watch of the process starts.
    """

    groups: list[str]
    # As `/metrics` counts it.
    kind: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = self.is_ending = False
        self.tasks: set[asyncio.Task[None]] = set()
        self.readers: dict[int, Reader] = {}
        self.allowance = Allowance()
        self.heard_at = 0.0
        # Set while this socket is counted as one that has not said who it is.
        self.anonymous_at: str | None = None
        self.known = asyncio.Event()

    @abstractmethod
    def session_ids(self) -> set[str]:
        """Name the sessions this socket lives on."""

    @abstractmethod
    async def handle(self, message: Message) -> None:
        """Answer one message of the client."""

    @abstractmethod
    async def complain(self, reason: str) -> None:
        """Tell the client what was wrong with its message; the socket stays open."""

    @abstractmethod
    async def end(self, why: Why, reason: str) -> None:
        """Tell the client why it may not be here, and close."""

    @abstractmethod
    async def forward(self, message: Message) -> None:
        """Send an event to the client, where it is meant for it."""

    def mind_silence(self, now: float) -> None:
        """Look for a client that is gone without a word, at a time of the event loop's clock.

        The web server does it for all sockets with pings of the WebSocket protocol.
        """

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve the socket; a lost database or broker ends it with 1012, "come back"."""

        async def send_until_closed(message: Message) -> None:
            if self.is_closed:
                return
            self.is_closed = message["type"] == "websocket.close"
            await send(message)

        try:
            await super().__call__(scope, receive, send_until_closed)
        except (DatabaseError, *BROKER_ERRORS) as error:
            # Most that is of the system is the client that went while it was sent something.
            tell = log.debug if isinstance(error, OSError) else log.warning
            tell("push socket ended by an error", reason=type(error).__name__)
            with suppress(OSError):  # the client may be what was lost
                await send_until_closed({"type": "websocket.close", "code": SERVICE_RESTART})
        finally:
            watch().remove(self)
            self.leave_anonymity()
            for task in self.tasks:
                task.cancel()
            if isinstance(self.channel_layer, PushLayer):
                self.channel_layer.forget(self.channel_name)

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Run *work* beside the socket, at most as long as it lives."""

        async def run() -> None:
            try:
                await work
            except OSError:  # the client is gone, its disconnect is on the way
                return
            except (DatabaseError, RedisError) as error:  # seen again at the next look
                log.warning("push socket not looked after", reason=type(error).__name__)

        task = asyncio.create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def join(self, group: str) -> None:
        if group not in self.groups:
            self.groups.append(group)
            await self.channel_layer.group_add(group, self.channel_name)

    async def leave(self, group: str) -> None:
        if group in self.groups:
            self.groups.remove(group)
            await self.channel_layer.group_discard(group, self.channel_name)

    async def wait_anonymously(self, seconds: float) -> None:
        """Let a socket be that has not said who it is, for so long and among so many."""
        address = anonymous.address_of(self.scope)
        if not anonymous.enter(address):
            reason = "Too many sockets of this address have not said who they are."
            await self.end(Why.TOO_MUCH, reason)
            return
        self.anonymous_at = address
        self.start(self.close_unless_known(seconds))

    async def close_unless_known(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.known.wait(), seconds)
        except TimeoutError:
            await self.end(Why.UNUSED, "Unauthenticated: no token came in time.")

    def leave_anonymity(self) -> None:
        self.known.set()
        if self.anonymous_at is not None:
            anonymous.leave(self.anonymous_at)
            self.anonymous_at = None

    async def follow_session(self, session_id: str) -> None:
        """Hear of the end of a session at once, and be looked after from now on."""
        self.leave_anonymity()
        await self.join(session_group(session_id))
        watch().add(self)

    async def read_events(self, user_id: int, after: int | None = None) -> Reader:
        """Listen to a user's events: those to come, or those with a number above *after*.

        Joined first: what is recorded after the look at the database comes over the layer.
        """
        await self.join(user_channel(user_id))
        last = await database_sync_to_async(last_number)(user_id)
        begin = last if after is None else min(after, last)
        reader = self.readers[user_id] = Reader(user_id, begin, self.forward)
        return reader

    def positions(self) -> dict[int, int]:
        """Map each user whose events it reads to the number of the last one it sent."""
        return {user_id: reader.last for user_id, reader in self.readers.items()}

    async def catch_up(self, last: dict[int, int]) -> None:
        """Send what the layer lost, and join its groups anew: it may have lost those as well."""
        for user_id, reader in list(self.readers.items()):
            if not reader.lock.locked():  # else a slow client is being sent something already
                await reader.catch_up(last.get(user_id, 0))
        for group in list(self.groups):
            await self.channel_layer.group_add(group, self.channel_name)

    async def end_session(self) -> None:
        if not self.is_ending:
            self.is_ending = True
            await self.end(Why.UNAUTHENTICATED, SESSION_OVER)

    async def close_if_ended(self) -> bool:
        """Close the socket when a session it lives on has ended; True when it is closed."""
        session_ids = self.session_ids()
        if not session_ids <= await watch().live(session_ids):
            await self.end_session()
        return self.is_closed

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        del bytes_data  # a binary frame is one without text
        if self.is_closed:
            return
        self.heard_at = asyncio.get_running_loop().time()
        if not self.allowance.take(self.heard_at):
            await self.end(Why.TOO_MUCH, "Too many messages; come back after a while.")
            return
        try:
            message = read_frame(text_data)
        except BadFrame as error:
            await self.end(Why.UNREADABLE, str(error))
        else:
            await self.handle(message)

    async def push_event(self, message: Message) -> None:
        """Receive `push.event` from the channel layer."""
        reader = self.readers.get(message["user_id"])
        if reader is not None and not await self.close_if_ended():
            await reader.hear(message)

    async def session_ended(self, message: Message) -> None:
        """Receive `session.ended` from the channel layer."""
        if message["session_id"] in self.session_ids():
            await self.end_session()
