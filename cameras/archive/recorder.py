"""Keeps every enabled stream recorded; streams that are added, changed or disabled are noticed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog
from django.db import DatabaseError, close_old_connections, connections

from cameras.archive.recording import Recorded, Recording
from cameras.models import Stream

RELOAD_SECONDS = 5.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Recorder:
    """Supervises one recording a stream; to be run in the main thread, which children die with."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.recordings: dict[Recorded, Recording] = {}
        self.stopping = asyncio.Event()
        # One thread: SQLite has one writer, and what belongs to a stream stays in order.
        self.database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")

    async def run(self) -> None:
        """Record until SIGTERM or SIGINT; then close, file and index what is open."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        try:
            while not self.stopping.is_set():
                await self.reload()
                await self.pause(RELOAD_SECONDS)
        finally:
            log.info("recorder stops", streams=len(self.recordings))
            await self.drop(list(self.recordings))
            await self.in_database(connections.close_all)
            self.database.shutdown()

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than until we are told to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return

    async def reload(self) -> None:
        """Bring the recordings in line with the streams' rows."""
        try:
            wanted = await self.in_database(read_streams)
        except DatabaseError:
            log.exception("streams cannot be read")
            return
        ended = [stream for stream, one in self.recordings.items() if one.task.done()]
        for stream in ended:
            failure = self.recordings.pop(stream).task.exception()
            log.error("recording failed, starting anew", stream=stream.id, exc_info=failure)
        await self.drop([stream for stream in self.recordings if stream not in wanted])
        for stream in wanted:
            if stream not in self.recordings:
                self.recordings[stream] = Recording(stream, self.program, self.in_database)

    async def drop(self, streams: list[Recorded]) -> None:
        await asyncio.gather(*(self.recordings.pop(stream).stop() for stream in streams))

    async def in_database(self, work: Callable[..., T], *arguments: object) -> T:
        """Run *work* in the one thread that talks to the database."""

        def run() -> T:
            close_old_connections()
            return work(*arguments)

        return await asyncio.get_running_loop().run_in_executor(self.database, run)


def read_streams() -> list[Recorded]:
    """List the streams to record: enabled and with an address."""
    rows = Stream.objects.filter(is_enabled=True).exclude(url="").order_by("id")
    return [Recorded(*row) for row in rows.values_list("id", "uuid", "url")]
