"""The plain WebSocket of a client: what the server tells without being asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from vms.ops.demo.errors import DemoFailed

OPEN_SECONDS = 10.0


class Pushes:
    """An open socket; leave it as a context manager."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        """Connect and wait to be told that the server knows us.

        Raises:
            DemoFailed: it refuses, or says nothing.
        """
        named = {"Authorization": headers["Authorization"]}
        try:
            self.socket: ClientConnection = connect(
                url, additional_headers=named, open_timeout=OPEN_SECONDS
            )
            first = json.loads(self.socket.recv(OPEN_SECONDS))
        except (OSError, WebSocketException) as error:
            raise DemoFailed(f"The socket for pushes cannot be opened: {error}") from error
        if first["type"] != "authenticated":
            raise DemoFailed(f"The socket for pushes was refused: {first.get('message')}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.socket.close()

    def arriving(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the body of each push until none came for *seconds*.

        Raises:
            DemoFailed: the server closed the socket.
        """
        while True:
            try:
                message = json.loads(self.socket.recv(seconds))
            except TimeoutError:
                return
            except WebSocketException as error:
                raise DemoFailed(f"The socket for pushes was closed: {error}") from error
            if message["type"] == "event":
                yield message["data"]
