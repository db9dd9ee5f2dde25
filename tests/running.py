"""A real `manage.py up` on a data folder of its own."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent

# Ends only tests that fail; a machine under load takes its time.
PATIENCE_SECONDS = 180.0


def wait_until(claim: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what another process does; there is no event to wait for across the border."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def stop_between_writes(pids: Iterable[int], database: Path) -> None:
    """Have processes stand still (SIGSTOP), none of them in the midst of writing to SQLite.

    One stopped there would keep everybody else from writing.
    """
    pids = list(pids)

    def is_stopped() -> bool:
        send(pids, signal.SIGSTOP)
        if is_writable(database):
            return True
        send(pids, signal.SIGCONT)
        return False

    wait_until(is_stopped)


def send(pids: Iterable[int], sign: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, sign)


def is_writable(database: Path) -> bool:
    """Say whether nobody keeps the database from being written for seconds."""
    with closing(sqlite3.connect(database, timeout=3.0, isolation_level=None)) as own:
        try:
            own.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        own.execute("ROLLBACK")
    return True


@dataclass
class Up:
    """The process, its data folder, and who else lives because of it."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    log_file: Path

    @property
    def log(self) -> str:
        """What was said so far; the last line may be half written."""
        return self.log_file.read_text(errors="replace")

    @property
    def web_url(self) -> str:
        return (self.data_dir / "run" / "web.url").read_text()

    @property
    def redis_url(self) -> str:
        return (self.data_dir / "run" / "redis.url").read_text()

    def wait_ready(self) -> None:
        wait_until(lambda: " ready  " in self.log or self.process.poll() is not None)
        assert self.process.poll() is None, self.log

    def stop(self, seconds: float = PATIENCE_SECONDS) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def processes(self) -> dict[int, list[str]]:
        """List all processes that inherited our data folder: process id -> command.

        Valkey writes its title over its environment; it is known by the folder it works in.
        """
        return {
            int(folder.name): command
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit() and self.is_ours(folder)
            if any(command := read(folder / "cmdline").decode().split("\0"))
        }

    def is_ours(self, folder: Path) -> bool:
        if f"VMS_DATA_DIR={self.data_dir}".encode() in read(folder / "environ").split(b"\0"):
            return True
        try:
            return (folder / "cwd").readlink().is_relative_to(self.data_dir)
        except OSError:
            return False

    def pid_of(self, *words: str) -> int:
        """Wait for the process whose command has all *words* and whose parent is `up` itself.

        One that was just started is for a moment nothing but a copy of `up`.
        """
        found: list[int] = []

        def is_found() -> bool:
            found[:] = (
                pid
                for pid, command in self.processes().items()
                if parent_of(pid) == self.process.pid
                and all(word in " ".join(command) for word in words)
            )
            return bool(found)

        wait_until(is_found)
        return found[0]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def parent_of(pid: int) -> int:
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


@pytest.fixture
def own_database() -> Iterator[dict[str, str]]:
    """On a PostgreSQL run: settings that name an empty database of its own; else none."""
    server = os.environ.get("VMS_DATABASE_URL", "")
    if not server.startswith("postgres"):
        yield {}
        return
    name = f"vms_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    parts = urlsplit(server)
    yield {
        "VMS_DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
        "VMS_SECRET_KEY": os.environ["VMS_SECRET_KEY"],
    }
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def environment(tmp_path, own_database) -> dict[str, str]:
    """An environment with no settings but a data folder, a free port and a database of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
    own = {"VMS_DATA_DIR": str(tmp_path / "data folder"), "VMS_PORT": "0"}
    return {**kept, **own, **own_database}


@pytest.fixture
def manage(environment) -> Callable[..., str]:
    """Run a command on the same data folder to its end; gives what it printed."""

    def run(*arguments: str) -> str:
        command = [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments]
        return subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    return run


@pytest.fixture
def start_up(environment, tmp_path) -> Iterator[Callable[..., Up]]:
    """Start `up` with arguments; all started end with the test, and their children with them."""
    started: list[Up] = []

    def start(*arguments: str, **settings: str) -> Up:
        log_file = tmp_path / f"up-{len(started)}.log"
        values = {**environment, **settings}
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(PROJECT_DIR / "manage.py"), "up", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=values,
                cwd=tmp_path,
                preexec_fn=tie_to_parent(),
            )
        started.append(Up(process, Path(values["VMS_DATA_DIR"]), log_file))
        return started[-1]

    yield start
    for up in started:
        if up.process.poll() is None:
            up.process.kill()
        up.process.wait()
