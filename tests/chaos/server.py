"""The throwaway PostgreSQL server of this run, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import Error, connection

from tests.postgres import unprivileged
from tests.running import read, wait_until
from vms.media.process import tie_to_parent

# Started by us; ended after the test databases were removed.
started: list[subprocess.Popen[bytes]] = []


@dataclass
class Server:
    """How it was started, and where its data is."""

    command: list[str]
    data: Path

    @classmethod
    def of_this_run(cls) -> Server:
        """Find it; another than a throwaway one is left alone."""
        with connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            data = Path(cursor.fetchone()[0])
        if not data.parent.name.startswith("vms-postgres-"):
            pytest.skip("this database server is somebody's: make chaos-postgres brings its own")
        command = read(Path(f"/proc/{pid_of(data)}/cmdline")).decode().split("\0")
        return cls(command[:-1], data)

    def stop(self) -> None:
        """Stop it as operators do: all connections end at once."""
        os.kill(pid_of(self.data), signal.SIGINT)
        wait_until(lambda: not (self.data / "postmaster.pid").exists())
        connection.close()

    def start(self) -> None:
        with (self.data.parent / "log").open("ab") as log:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tie_to_parent(signal.SIGINT),
                **unprivileged(),
            )
        started.append(process)
        wait_until(is_there)


def pid_of(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split()[0])


def is_there() -> bool:
    """Say whether our own connection works; a broken one is given up."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
        return False
    return True


def end_started() -> None:
    for process in started:
        process.send_signal(signal.SIGINT)
        process.wait()
