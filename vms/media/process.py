"""Child processes that never outlive us."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def tie_to_parent(sig: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Make a `preexec_fn` after which the kernel sends *sig* to the child when its parent dies.

    The parent is the *thread* that spawns (prctl(2), PR_SET_PDEATHSIG), so spawn only from a main
    thread or one that lives as long as the child may. A parent that died before the call is
    noticed by the changed parent id.
    """
    parent = os.getpid()

    def tie() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(sig))
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return tie
