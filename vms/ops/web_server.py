"""Runs uvicorn without the large libraries that others would load and nothing here calls.

    python -m vms.ops.web_server vms.asgi:application --port 8000 ...

structlog formats tracebacks by rich when it is there, Django REST framework has a test client over
requests and fields for PostgreSQL, uvicorn looks after changed files by watchfiles. All of them do
without; together they are a sixth of the memory of a web process.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

from vms.env import with_files

UNUSED = ("pygments", "requests", "rich", "watchfiles")
# What PostgreSQL is spoken to with.
DRIVER = "psycopg"
# Of glibc's <malloc.h>.
M_ARENA_MAX = -8


def main() -> None:
    """Be uvicorn, with its arguments."""
    share_one_arena()
    leave_out(unused(os.environ))
    from uvicorn.main import main as serve

    serve()


def share_one_arena() -> None:
    """Have all threads take memory from one place, where the C library can be told so.

    Else each thread that reads for a slow client keeps the largest block it ever had.
    """
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    if tell is not None:
        tell(M_ARENA_MAX, 1)


def unused(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name what is not to be loaded; the driver of PostgreSQL where the database is SQLite."""
    url = with_files(environ).get("VMS_DATABASE_URL", "").strip()
    return (*UNUSED, DRIVER) if not url or url.startswith("sqlite:") else UNUSED


def leave_out(names: tuple[str, ...]) -> None:
    """Let importing these fail as if they were not installed."""
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment] # so the import system wants it


if __name__ == "__main__":
    main()
