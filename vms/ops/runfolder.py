"""The run folder: what a running `up` leaves there for commands typed in another terminal.

up.lock   locked for as long as one `up` lives; holds its process id
redis.url address of the embedded broker; only the owner can read it
web.url   address of the web process, there as soon as it answers
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vms.secret import REDIS_FILE, write_private

LOCK_FILE = "up.lock"
WEB_FILE = "web.url"


class AlreadyRunning(Exception):
    """Another `up` works on the same data folder; the message names its process."""


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Be the only `up` of the data folder; what a killed one left behind is removed.

    Raises:
        AlreadyRunning: there is one. The kernel frees the lock when its process ends, however.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / LOCK_FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"Another `up` (process {read_text(run_dir, LOCK_FILE)}) runs on this data folder: "
                "stop it, or set VMS_DATA_DIR to another folder."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        clear(run_dir)
        try:
            yield
        finally:
            clear(run_dir)


def clear(run_dir: Path) -> None:
    for name in (REDIS_FILE, WEB_FILE):
        (run_dir / name).unlink(missing_ok=True)


def leave_broker_url(run_dir: Path, url: str) -> None:
    write_private(run_dir / REDIS_FILE, url)


def leave_web_url(run_dir: Path, url: str) -> None:
    write_private(run_dir / WEB_FILE, url)


def running_process(run_dir: Path) -> str | None:
    """Return the process id of the `up` that runs on the data folder, None when none does."""
    try:
        file = (run_dir / LOCK_FILE).open("r")
    except OSError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return read_text(run_dir, LOCK_FILE)
        return None


def web_url(run_dir: Path) -> str | None:
    """Return the address the web process of a running `up` answers at, None before it does."""
    return read_text(run_dir, WEB_FILE) or None


def read_text(run_dir: Path, name: str) -> str:
    try:
        return (run_dir / name).read_text().strip()
    except OSError:
        return ""
