"""Readers that do what no reader may, on inputs whose first box is of no kind at all."""

from __future__ import annotations

import os
import signal
from collections import deque
from pathlib import Path


def is_bait(path: Path) -> bool:
    return path.read_bytes()[4:8] == b"\0\0\0\0"


def hang(path: Path) -> str:
    """Never come back, not even to the interpreter."""
    if is_bait(path):
        deque(iter(int, 1), maxlen=0)
    return "read"


def hoard(path: Path) -> str:
    if is_bait(path):
        return f"read {len(bytearray(128 * 2**20))}"
    return "read"


def slip(path: Path) -> str:
    return {b"ftyp": "read"}[path.read_bytes()[4:8]]


def crash(path: Path) -> str:
    if is_bait(path):
        os.kill(os.getpid(), signal.SIGSEGV)
    return "read"


READERS = {name: (globals()[name], ".mp4") for name in ("hang", "hoard", "slip", "crash")}
