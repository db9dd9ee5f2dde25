"""Sockets opened against the real ASGI application, and what travels over them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.utils import timezone

from tests.running import PATIENCE_SECONDS
from vms.asgi import application
from vms.push.publish import record_event
from vms.push.tickets import issue_ticket

PLAIN = "/ws/notifications"
PUSHER = "/ws/app/vms"
TOKEN_PUSH = "App\\Events\\TokenPush"
USER_PUSH = "App\\Events\\UserPush"


class Socket(ApplicationCommunicator):
    """A client's end of a WebSocket, without a network."""

    def __init__(self, path, headers=(), client=None):
        parts = urlsplit(path)
        scope = {
            "type": "websocket",
            "path": unquote(parts.path),
            "query_string": parts.query.encode(),
            "headers": list(headers),
            "subprotocols": [],
            "client": client,
        }
        super().__init__(application, scope)

    async def receive_output(self, timeout=PATIENCE_SECONDS):  # noqa: ASYNC109 - as it is there
        return await super().receive_output(timeout)

    async def wait(self, timeout=PATIENCE_SECONDS):  # noqa: ASYNC109 - as it is there
        return await super().wait(timeout)

    async def connect(self):
        """Shake hands; False when refused."""
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output())["type"] == "websocket.accept"

    async def disconnect(self):
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait()

    async def send_frame(self, data):
        """Send a text frame, or a binary one when *data* is bytes."""
        kind = "bytes" if isinstance(data, bytes) else "text"
        await self.send_input({"type": "websocket.receive", kind: data})

    async def send_json(self, message):
        await self.send_frame(json.dumps(message))

    async def receive_json(self):
        message = await self.receive_output()
        assert message["type"] == "websocket.send"
        return json.loads(message["text"])

    async def closed_with(self):
        """Wait for the close; gives its code."""
        message = await self.receive_output()
        assert message["type"] == "websocket.close"
        return message["code"]


@asynccontextmanager
async def opened(path, *, bearer=None, client=None):
    """Open a socket that is closed, and has ended without an exception, at the end."""
    headers = [(b"authorization", bearer.encode())] if bearer else []
    socket = Socket(path, headers, client)
    assert await socket.connect()
    try:
        yield socket
    finally:
        await socket.disconnect()


@asynccontextmanager
async def plain(session):
    """Open an authenticated plain socket of *session*."""
    async with opened(await with_ticket(PLAIN, session)) as socket:
        assert (await socket.receive_json())["type"] == "authenticated"
        yield socket


@asynccontextmanager
async def pusher(session=None):
    """Open a Pusher socket, by a ticket when a session is given; yields its socket id too."""
    path = await with_ticket(PUSHER, session) if session else PUSHER
    async with opened(path) as socket:
        frame = await socket.receive_json()
        assert frame["event"] == "pusher:connection_established"
        yield socket, json.loads(frame["data"])["socket_id"]


async def with_ticket(path, session):
    return f"{path}?token={await sync_to_async(issue_ticket)(session.pk)}"


async def happen(session, number=1):
    """Let something happen that *session* ordered; returns the id clients see."""
    event = await sync_to_async(record_event)(
        user_id=session.user_id,
        session_id=session.pk,
        body={"type": "archive_generated", "number": number},
        now=timezone.now(),
    )
    return event.number
