"""Sockets as clients open them, half of each kind, and when each event arrived at each of them."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.api_server import HOST

AT_ONCE = 20
OPEN_SECONDS = 120.0


@dataclass
class Socket:
    """One client: *arrivals* maps the number of an event to the time it was first heard."""

    user: int
    session: str
    token: str
    is_pusher: bool
    arrivals: dict[int, float] = field(default_factory=dict)
    repeated: int = 0
    connection: ClientConnection | None = None

    async def open(self, port: int) -> None:
        """Connect and do what a client does until it hears its user's events."""
        if self.is_pusher:
            self.connection = await connect(f"ws://{HOST}:{port}/ws/app/vms?protocol=7")
            told = json.loads((await self.read())["data"])
            channel = f"private-user.{self.user}"
            auth = await asyncio.to_thread(self.signature, port, told["socket_id"], channel)
            await self.say(event="pusher:subscribe", data={"channel": channel, "auth": auth})
            await self.expect("event", "pusher_internal:subscription_succeeded")
        else:
            self.connection = await connect(
                f"ws://{HOST}:{port}/ws/notifications",
                additional_headers={"Authorization": f"Bearer {self.token}"},
            )
            await self.expect("type", "authenticated")

    def signature(self, port: int, socket_id: str, channel: str) -> str:
        connection = http.client.HTTPConnection(HOST, port)
        body = json.dumps({"socket_id": socket_id, "channel_name": channel})
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request("POST", "/broadcasting/auth", body, headers)
        answer: dict[str, str] = json.loads(connection.getresponse().read())
        connection.close()
        return answer["auth"]

    async def listen(self) -> None:
        """Note what arrives until the connection is closed."""
        assert self.connection is not None  # noqa: S101 - opened before
        with suppress(ConnectionClosed):  # what it then does not hear counts as lost
            async for text in self.connection:
                now = time.monotonic()
                number = number_of(json.loads(text))
                if number is not None:
                    self.repeated += number in self.arrivals
                    self.arrivals.setdefault(number, now)

    async def say(self, **message: Any) -> None:
        assert self.connection is not None  # noqa: S101
        await self.connection.send(json.dumps(message))

    async def read(self) -> dict[str, Any]:
        assert self.connection is not None  # noqa: S101
        message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def expect(self, key: str, value: str) -> None:
        message = await self.read()
        if message.get(key) != value:
            raise AssertionError(f"not the {key} that was expected: {message}")

    async def close(self) -> None:
        if self.connection is not None:
            await self.connection.close()


def number_of(message: dict[str, Any]) -> int | None:
    """Return the id of the event in a frame of either kind of socket; None in other frames."""
    if message.get("type") == "event":
        body = message
    elif str(message.get("event", "")).startswith("App\\Events"):
        body = json.loads(message["data"])
    else:
        return None
    number: int | None = body.get("id")
    return number


async def open_all(sockets: Sequence[Socket], port: int) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(one: Socket) -> None:
        async with turns, asyncio.timeout(OPEN_SECONDS):
            await one.open(port)

    await asyncio.gather(*(in_turn(one) for one in sockets))


async def close_all(sockets: Sequence[Socket]) -> None:
    await asyncio.gather(*(one.close() for one in sockets))
