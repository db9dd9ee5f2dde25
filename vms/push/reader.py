"""What a socket has been sent of a user's events, and how it gets the rest: in order, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from channels.db import database_sync_to_async

from vms.push.feed import LARGEST_NUMBER, page_between
from vms.push.messages import Body, number_of

Send = Callable[[Body], Awaitable[None]]


class Reader:
    """Has sent the events with numbers in (first, last], and sends what follows.

    The channel layer brings events quickly, but may bring them in another order, twice or not at
    all. One that is not the next makes the reader fetch what lies between from the database.
    """

    def __init__(self, user_id: int, last: int, send: Send) -> None:
        self.user_id = user_id
        self.first = self.last = last
        self.send = send
        self.is_over = False
        # Held over every send of a kept event, so none overtakes another.
        self.lock = asyncio.Lock()

    def stop(self) -> None:
        """Send nothing more, not even the rest of what is being caught up with."""
        self.is_over = True

    async def hear(self, message: Body) -> None:
        """Pass on what the layer brought, unless it was sent before."""
        number = number_of(message)
        if number is None:
            await self.send(message)
            return
        async with self.lock:
            if number == self.last + 1:
                self.last = number
                await self.send(message)
            elif number > self.last:
                await self.read_on(number)

    async def catch_up(self, last: int) -> None:
        """Send what was missed when the newest event has the number *last*."""
        async with self.lock:
            if last > self.last:
                await self.read_on(last)

    async def read_on(self, known: int) -> None:
        """Send all that follows; *known* was recorded, so what is not there up to it was pruned."""
        while page := await self.page(self.last, LARGEST_NUMBER):
            for message in page:
                if self.is_over:
                    return
                self.last = number_of(message) or self.last
                await self.send(message)
        self.last = max(self.last, known)

    async def replay(self, after: int) -> None:
        """Send the events with numbers in (after, first]; what was sent before is not repeated."""
        async with self.lock:
            last, self.first = self.first, min(self.first, after)
            await self.read_between(after, last, self.send)

    async def read_between(self, after: int, last: int, send: Send) -> None:
        """Send the events with numbers in (after, last], to *send*; the caller holds the lock."""
        while after < last and (page := await self.page(after, last)):
            for message in page:
                after = number_of(message) or last
                await send(message)

    async def page(self, after: int, last: int) -> list[Body]:
        read = database_sync_to_async(page_between)
        messages: list[Body] = await read(self.user_id, after, last)
        return messages
