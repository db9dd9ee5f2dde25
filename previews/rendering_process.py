"""A process that opens and decodes footage: `python -m previews.rendering_process PARENT`.

Footage comes from cameras and disks that may be broken or hostile, and decoders are large programs
in C. So nothing of it is opened where requests are answered: what crashes here, or fills memory,
or never ends, costs this process and one picture. It has no Django, no database and no secrets.

One line of JSON a job on its input, `{"job": "package.module:function", "arguments": {...}}`, and
one line a job on its output: `{"done": ...}`, `{"refused": "why"}`, `{"full": "which error"}` where
there is no room for what it made, or `{"broken": "traceback"}`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import traceback
from importlib import import_module
from typing import Any, BinaryIO

from previews.errors import CannotRender, is_no_room
from vms.media.process import LIBC, PR_SET_PDEATHSIG

# Of addresses: libraries and threads take some of them without using them.
MEMORY_BYTES = 4 * 2**30
# Without a job for so long it ends by itself, and its memory is free again.
IDLE_SECONDS = 300


def main() -> None:
    """Do jobs until the input ends or nothing comes for a while."""
    follow_parent(int(sys.argv[1]))
    limit()
    answers = own_output()
    while (line := next_line(sys.stdin.buffer)) is not None:
        answers.write(json.dumps(do(json.loads(line))).encode() + b"\n")
        answers.flush()


def follow_parent(parent: int) -> None:
    """End when the process that started us ends, even in the middle of a picture."""
    LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        sys.exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us


def limit() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def own_output() -> BinaryIO:
    """Keep the output for answers; whatever libraries print goes where errors go."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "wb")


def next_line(source: BinaryIO) -> bytes | None:
    # One job at a time comes, so nothing can wait unseen in Python's own buffer.
    ready, _, _ = select.select([source], [], [], IDLE_SECONDS)
    return (source.readline() or None) if ready else None


def do(request: dict[str, Any]) -> dict[str, Any]:
    """Do one job; the functions of jobs take and return what JSON can hold."""
    try:
        module, _, name = request["job"].partition(":")
        return {"done": getattr(import_module(module), name)(**request["arguments"])}
    except CannotRender as error:
        return {"refused": error.message}
    except Exception as error:  # noqa: BLE001 - whatever it was, the next job may do
        if is_no_room(error):
            return {"full": str(error)}
        return {"broken": traceback.format_exc(limit=-4)}


if __name__ == "__main__":
    # glibc gives each thread a share of memory of its own, and decoders begin many threads.
    ctypes.CDLL(None).mallopt(-8, 2)  # M_ARENA_MAX
    main()
