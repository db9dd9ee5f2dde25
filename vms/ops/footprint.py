"""What our processes do to stay small: one heap for all threads, no library that nothing calls.

structlog formats tracebacks by rich when it is there, Django REST framework has a test client over
requests and jinja2 and fields for PostgreSQL, PyJWT has signatures by public keys, uvicorn looks
after changed files by watchfiles. All of them do without; together they are a fifth of the memory
of a web process.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping

from vms.env import with_files

UNUSED = (
    "django.contrib.postgres",
    "jinja2",
    "pygments",
    "requests",
    "rich",
    "watchfiles",
)
# What PostgreSQL is spoken to with, and what a license is verified with.
DRIVER, SIGNATURES = "psycopg", "cryptography"
# Of glibc's <malloc.h>.
M_ARENA_MAX = -8


def share_one_arena() -> None:
    """Have all threads take memory from one place, where the C library can be told so.

    Else each of up to eight places a core keeps the most that any thread ever had of it: a thread
    that reads for a slow client, one that decodes pictures. Processes forked later do the same.
    """
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    if tell is not None:
        tell(M_ARENA_MAX, 1)


def unused(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name what is not to be loaded with these settings."""
    values = with_files(environ)
    url = values.get("VMS_DATABASE_URL", "").strip()
    needless = {
        DRIVER: not url or url.startswith("sqlite:"),
        SIGNATURES: not values.get("VMS_LICENSE_PUBLIC_KEY", "").strip(),
    }
    return (*UNUSED, *(name for name, is_needless in needless.items() if is_needless))


def leave_out(names: tuple[str, ...]) -> None:
    """Let importing these fail as if they were not installed."""
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment] # so the import system wants it
