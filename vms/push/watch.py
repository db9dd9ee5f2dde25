"""What one process looks at for all its sockets together: sessions, missed events, silence.

The channel layer tells sockets at once what happens. What it loses (a broker that was away, a
group that was forgotten) is found here, by one query for all sockets instead of one for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.utils import timezone

from vms.api.broadcast import BROKER_ERRORS
from vms.push.census import Place
from vms.push.feed import last_numbers
from vms.push.sessions import live_among

# A session that ends has lost its sockets within a second, whatever the broker does.
LOOK_SECONDS = 0.5
LOOKS_BETWEEN_READS = 10

log = structlog.get_logger(__name__)


class Watched(Protocol):
    """A socket as the watch sees it; *kind* is one of `census.KINDS`."""

    kind: str

    def session_ids(self) -> set[str]:
        """Name the sessions it lives on."""

    def positions(self) -> dict[int, int]:
        """Map each user whose events it reads to the number of the last one it sent."""

    def start(self, work: Coroutine[Any, Any, object]) -> None: ...

    async def end_session(self) -> None: ...

    async def catch_up(self, last: dict[int, int]) -> None: ...

    def mind_silence(self, now: float) -> None: ...


class Watch:
    """Looks after the sockets of one event loop; runs while there are any."""

    def __init__(self) -> None:
        self.sockets: set[Watched] = set()
        self.task: asyncio.Task[None] | None = None
        self.looks = 0
        self.asked: set[str] = set()
        self.answer: asyncio.Task[set[str]] | None = None
        self.asking = asyncio.Lock()
        self.place = Place()
        self.counting: asyncio.Task[None] | None = None

    def add(self, socket: Watched) -> None:
        self.sockets.add(socket)
        if self.task is None:
            self.task = asyncio.create_task(self.run())

    def remove(self, socket: Watched) -> None:
        self.sockets.discard(socket)
        if self.task is not None and not self.sockets:
            self.task.cancel()
            self.task = None

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except DatabaseError as error:  # no answer is no reason to close; ask again later
                log.warning("sockets not looked after", reason=type(error).__name__)
            except Exception:
                log.exception("looking after sockets broke down")

    async def look(self) -> None:
        self.looks += 1
        now = asyncio.get_running_loop().time()
        for socket in list(self.sockets):
            socket.mind_silence(now)
        await self.end_sessions()
        if self.looks % LOOKS_BETWEEN_READS == 0:
            if self.counting is None or self.counting.done():  # a broker may take its time
                self.counting = asyncio.create_task(self.count())
            await self.find_missed()

    async def end_sessions(self) -> None:
        sockets = {socket: socket.session_ids() for socket in self.sockets}
        live = await self.live(set().union(*sockets.values()))
        for socket, session_ids in sockets.items():
            if socket in self.sockets and not session_ids <= live:
                socket.start(socket.end_session())

    async def find_missed(self) -> None:
        sockets = {socket: socket.positions() for socket in self.sockets}
        users = set().union(*sockets.values())
        last: dict[int, int] = await database_sync_to_async(last_numbers)(users)
        for socket, sent in sockets.items():
            is_behind = any(last.get(user, 0) > number for user, number in sent.items())
            if is_behind and socket in self.sockets:
                socket.start(socket.catch_up(last))

    async def count(self) -> None:
        """Write down how many sockets there are; without a broker nobody asks."""
        kinds = [socket.kind for socket in self.sockets]
        try:
            # In a thread of its own: those of the database wait for nothing else.
            await sync_to_async(self.place.write, thread_sensitive=False)(kinds)
        except BROKER_ERRORS as error:
            log.debug("sockets not counted", reason=type(error).__name__)

    async def live(self, session_ids: set[str]) -> set[str]:
        """Return the live ones among these and those that others ask about at this moment.

        The query begins after the question; all who ask while one runs share the next.
        """
        if not session_ids:
            return set()
        self.asked |= session_ids
        if self.answer is None:
            self.answer = asyncio.create_task(self.ask())
            self.answer.add_done_callback(forget_failure)
        return await asyncio.shield(self.answer)

    async def ask(self) -> set[str]:
        async with self.asking:
            session_ids, self.asked, self.answer = self.asked, set(), None
            now: datetime = timezone.now()
            live: set[str] = await database_sync_to_async(live_among)(session_ids, now)
            return live


def forget_failure(task: asyncio.Task[Any]) -> None:
    """Read the exception of a task whose askers may all have gone, so that asyncio logs none."""
    if not task.cancelled():
        task.exception()


watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def watch() -> Watch:
    """Return the watch of the running event loop."""
    return watches.setdefault(asyncio.get_running_loop(), Watch())
