"""What both kinds of push socket share: joining, looking after the session, ending cleanly."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from django.utils import timezone

from vms.accounts.sockets import session_group
from vms.api.broadcast import BROKER_ERRORS
from vms.push import anonymous
from vms.push.frames import BadFrame, read_frame
from vms.push.sessions import all_live

RECHECK_SECONDS = 10.0
SERVICE_RESTART = 1012

Message = dict[str, Any]

log = structlog.get_logger(__name__)


class PushSocket(AsyncWebsocketConsumer):  # type: ignore[misc] # the library has no types
    """A socket that loses its connection when one of its sessions ends.

    Messages of the channel layer are handled one after another, and so are the client's; only the
    look at the session every RECHECK_SECONDS runs beside them.
    """

    groups: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False
        self.is_watching = False
        self.tasks: list[asyncio.Task[None]] = []
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
    async def refuse(self, reason: str) -> None:
        """Tell the client why it may not be here, and close."""

    @abstractmethod
    async def forward(self, message: Message) -> None:
        """Send an event from the channel layer to the client, where it is meant for it."""

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
            log.warning("push socket ended by an error", reason=type(error).__name__)
            with suppress(OSError):  # the client may be what was lost
                await send_until_closed({"type": "websocket.close", "code": SERVICE_RESTART})
        finally:
            self.leave_anonymity()
            for task in self.tasks:
                task.cancel()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* beside the socket, at most as long as it lives."""
        self.tasks.append(asyncio.create_task(work))

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
            await self.refuse("Too many sockets of this address have not said who they are.")
            return
        self.anonymous_at = address
        self.start(self.close_unless_known(seconds))

    async def close_unless_known(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.known.wait(), seconds)
        except TimeoutError:
            await self.refuse("Unauthenticated: no token came in time.")

    def leave_anonymity(self) -> None:
        self.known.set()
        if self.anonymous_at is not None:
            anonymous.leave(self.anonymous_at)
            self.anonymous_at = None

    async def follow_session(self, session_id: str) -> None:
        """Hear of the end of a session at once, and look for it from time to time."""
        self.leave_anonymity()
        await self.join(session_group(session_id))
        if not self.is_watching:
            self.is_watching = True
            self.start(self.watch())

    async def watch(self) -> None:
        while not self.is_closed:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                await self.close_if_ended()
            except DatabaseError as error:  # no answer is no reason to close; ask again later
                log.warning("session not checked", reason=type(error).__name__)
            except OSError:  # the client is gone, its disconnect is on the way
                return

    async def close_if_ended(self) -> bool:
        """Close the socket when a session it lives on has ended; True when it is closed."""
        if not await database_sync_to_async(all_live)(self.session_ids(), timezone.now()):
            await self.refuse("The session has ended.")
        return self.is_closed

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        del bytes_data  # a binary frame is one without text
        try:
            message = read_frame(text_data)
        except BadFrame as error:
            await self.complain(str(error))
        else:
            await self.handle(message)

    async def push_event(self, message: Message) -> None:
        """Receive `push.event` from the channel layer."""
        if not await self.close_if_ended():
            await self.forward(message)

    async def session_ended(self, message: Message) -> None:
        """Receive `session.ended` from the channel layer."""
        if message["session_id"] in self.session_ids():
            await self.refuse("The session has ended.")
