"""Takes each request's body whole and refuses a large one before anything is kept of it.

Django would first write any body to disk, and takes one that was sent in chunks, without its
length, for an empty one.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings

from vms.api.errors import message_body
from vms.api.middleware import HEADER, SANE_ID

# A client that is cut off while it sends may never read our answer; so it may go on a little.
DRAIN_SECONDS = 5.0
LONGEST_LENGTH = 20

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class BodyTooLarge(Exception):
    """The body is longer than DATA_UPLOAD_MAX_MEMORY_SIZE."""


class ClientGone(Exception):
    """The client left before its body was complete."""


class BodyLimit:
    """An ASGI application around another: HTTP bodies reach it complete and with a length."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive)
        except BodyTooLarge:
            await refuse(scope, receive, send)
        except ClientGone:
            return
        else:
            await self.application(with_length(scope, body), replay(body, receive), send)


async def read_body(scope: Message, receive: Receive) -> bytes:
    """Read the whole body.

    Raises:
        BodyTooLarge: by the length the client declares, else as soon as too much has come.
        ClientGone: nobody is there to be answered.
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if any(is_more(length, limit) for length in header(scope, b"content-length")):
        raise BodyTooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def is_more(length: bytes, limit: int) -> bool:
    """Compare a declared length; one of thousands of digits is not even read as a number."""
    return length.isdigit() and (len(length) > LONGEST_LENGTH or int(length) > limit)


def with_length(scope: Message, body: bytes) -> Message:
    """Declare the length of a body that was sent without."""
    if not body or header(scope, b"content-length"):
        return scope
    length = (b"content-length", str(len(body)).encode())
    return {**scope, "headers": [*scope["headers"], length]}


def replay(body: bytes, receive: Receive) -> Receive:
    """Hand out *body* first, then whatever else happens on the connection."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> Message:
        return waiting.pop() if waiting else await receive()

    return replaying


async def refuse(scope: Message, receive: Receive, send: Send) -> None:
    """Answer 413 and close the connection once the client has read it or sent long enough."""
    body = json.dumps(message_body(413)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (HEADER.lower().encode(), request_id(scope)),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        await asyncio.wait_for(drain(receive), DRAIN_SECONDS)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def drain(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def request_id(scope: Message) -> bytes:
    for sent in header(scope, HEADER.lower().encode()):
        if SANE_ID.fullmatch(sent.decode("latin-1")):
            return sent
    return uuid.uuid4().hex.encode()


def header(scope: Message, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]
