"""A worker that was asked to stop: how its processes, which make the files, come to know.

Celery tells only the worker itself, and then waits for its processes. So they share a page of
memory with it, in which it writes until when they may go on.
"""

from __future__ import annotations

import mmap
import struct
import time
from typing import Any

from celery.signals import worker_shutting_down
from django.conf import settings

MOMENT = struct.Struct("d")
# Made before the worker forks its processes: a page of memory for all of them.
page = mmap.mmap(-1, mmap.PAGESIZE)


@worker_shutting_down.connect
def ask(*_args: Any, **_kwargs: Any) -> None:
    """Have all processes of this worker take nothing new, and go on for the grace."""
    grace = float(settings.VMS["VMS_EXPORT_STOP_SECONDS"])
    MOMENT.pack_into(page, 0, time.monotonic() + grace)


def forget() -> None:
    """Let work go on as if nobody had asked."""
    MOMENT.pack_into(page, 0, 0.0)


def is_asked() -> bool:
    """Say whether this worker takes nothing new."""
    return until() > 0


def is_due() -> bool:
    """Say whether what is not finished yet has to be handed back now."""
    return 0 < until() <= time.monotonic()


def until() -> float:
    """Return the moment of `time.monotonic` up to which work may go on; 0 when nobody asked."""
    moment: float = MOMENT.unpack_from(page, 0)[0]
    return moment
