"""A web process as `manage.py up` runs it, on a database and a storage folder of the bench."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.place import environment
from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent
from vms.ops.web import WebAddress, choose_address, web_program

HOST = "127.0.0.1"
PATIENCE_SECONDS = 120.0


class NotStarted(Exception):
    """A server of the bench ended, or did not answer in time."""


@dataclass(frozen=True)
class Server:
    """A process that answers on loopback."""

    pid: int
    port: int


@contextmanager
def web_process(folder: Path, database_url: str | None = None, **settings: str) -> Iterator[Server]:
    """Run one uvicorn process while the block runs; the database must have all migrations."""
    address = choose_address(HOST, 0, [HOST])
    command = web_program(address, []).command
    values = {**environment(folder, database_url), **settings}
    with started(command, values) as process:
        wait_for(address, process)
        yield Server(process.pid, address.port)


@contextmanager
def started(command: list[str], values: dict[str, str] | None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server; it ends with the block, and with us."""
    process = subprocess.Popen(
        command,
        cwd=PROJECT_DIR,
        env=values,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=tie_to_parent(),
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(address: WebAddress, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not address.is_answering():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStarted("the web process does not answer")
        time.sleep(0.05)
