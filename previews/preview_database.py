"""Where the database is read for links: threads of their own, whose connections stay open.

A link is followed far more often than it is given out. Opening a connection for each request would
cost more than all that is asked; and what was asked a moment ago need not be asked again as long as
nobody has written anything, which the databases tell for next to nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import Error, connection

Given = ParamSpec("Given")
Result = TypeVar("Result")

# What changes before anybody hears that a transaction was committed. SQLite: in other connections
# than this one, which writes nothing. PostgreSQL: the end of its log, whoever wrote to it.
STATES = {
    "sqlite": "PRAGMA data_version",
    "postgresql": "SELECT pg_current_wal_insert_lsn()",
}
# Sessions end by the clock as well.
REMEMBERED_SECONDS = 1.0
MOST_REMEMBERED = 500

own = threading.local()


class Memory:
    """What was read in one thread since the database was last written to."""

    def __init__(self) -> None:
        self.state: object = None
        self.found: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, read: Callable[[], Result]) -> Result:
        # Asked for before anything is read: what is written meanwhile makes it another one.
        state, now = database_state(), time.monotonic()
        if state != self.state or len(self.found) >= MOST_REMEMBERED:
            self.found.clear()
            self.state = state
        at, found = self.found.get(key, (0.0, None))
        if found is None or now - at > REMEMBERED_SECONDS:
            found = read()
            self.found[key] = now, found
        return found  # type: ignore[no-any-return] # what `read` gave


def database_state() -> object:
    """Return what is another value after every write by anybody else."""
    with connection.cursor() as cursor:
        cursor.execute(STATES[connection.vendor])
        return cursor.fetchone()


def begin_memory() -> None:
    own.memory = Memory()


# So many connections a web process keeps.
readers = ThreadPoolExecutor(2, "link reader", initializer=begin_memory)


async def in_database(
    read: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result:
    """Call *read*, which only reads the database, in one of these threads."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(readers, lambda: tried_twice(lambda: read(*args, **kwargs)))


def tried_twice(read: Callable[[], Result]) -> Result:
    """Call *read*, and once more when the server has closed the connection meanwhile."""
    try:
        return read()
    except Error:
        connection.close()
        begin_memory()  # another connection counts in another way
        return read()


def remembered(key: Hashable, read: Callable[[], Result]) -> Result:
    """Return what *read* gives, or gave here since the last write; elsewhere it is just called.

    What it gives is not None, and is shared: nobody may change it.
    """
    memory: Memory | None = getattr(own, "memory", None)
    return read() if memory is None else memory.get(key, read)
