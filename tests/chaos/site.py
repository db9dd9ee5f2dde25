"""Real workers, beat and broker on the test's own database and folders, to be mistreated."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.db import connection
from django.utils import timezone

from cameras.models import Stream
from cameras.timeline import Interval
from downloads import services
from downloads.models import Download
from downloads.serializers import Order
from exports.models import ExportJob
from exports.options import Options
from tests.chaos.links import links_of_running
from tests.footage import BEGIN
from tests.rabbitmq import RabbitMQ
from tests.running import read, wait_until
from vms.accounts.models import User
from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent
from vms.ops.broker import EmbeddedBroker
from vms.ops.programs import beat_program, worker_program
from vms.ops.web import WebAddress, choose_address, web_program

# A share of the full numbers of exports, kills and files, for a run that has to be short.
SCALE = float(os.environ.get("CHAOS_SCALE", "1"))
# For `site` where a fault has to do with messages.
BROKERS = ["valkey", "rabbitmq"]
QUICK = {
    "VMS_EXPORT_LEASE_SECONDS": "5",
    "VMS_RECONCILE_INTERVAL_SECONDS": "1",
    "VMS_CLEANUP_INTERVAL_SECONDS": "5",
    "VMS_EXPORT_MAX_ATTEMPTS": "20",
    "VMS_LOG_FORMAT": "json",
}
# These end only rows that fail.
STOP_SECONDS = 90.0
ENDED_SECONDS = 300.0


@dataclass
class Site:
    """Everything that runs for one test; *folder* is its data folder and its mark on processes."""

    folder: Path
    broker: EmbeddedBroker
    rabbitmq: RabbitMQ | None = None
    extra: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    # Processes that had to be killed, links that led to files in the making.
    left: int = 0
    reachable: int = 0

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
        return {
            **kept,
            "PYTHONPATH": str(PROJECT_DIR),
            "VMS_DATA_DIR": str(self.folder),
            "VMS_DATABASE_URL": database_url(),
            "VMS_REDIS_URL": self.broker.url,
            **({"VMS_BROKER_URL": self.rabbitmq.url} if self.rabbitmq else {}),
            "VMS_SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz-9876543210",
            **QUICK,
            **self.extra,
        }

    # --- brokers ---

    @property
    def messages_url(self) -> str:
        """Where messages to workers go."""
        return self.rabbitmq.url if self.rabbitmq else self.broker.url

    def start_broker(self) -> None:
        """Start all brokers that do not run."""
        if not self.broker.is_ready():
            program = self.broker.program()
            self.spawn("broker", program.command, stdin=program.stdin.encode())
            wait_until(self.broker.is_ready)
        if self.rabbitmq is not None and self.rabbitmq.process is None:
            self.rabbitmq.start()

    def kill_broker(self, *, forget: bool, sign: int = signal.SIGKILL) -> None:
        """End the one that carries the messages, and remove what it kept, if told to."""
        if self.rabbitmq is not None:
            self.rabbitmq.end(sign)
            if forget:
                self.rabbitmq.forget()
            return
        valkey = next(one for one in reversed(self.started) if "valkey" in str(one.args))
        valkey.send_signal(sign)
        valkey.wait()
        if forget:
            shutil.rmtree(self.broker.folder)
            self.broker.folder.mkdir()

    # --- processes ---

    def start_worker(self, *queues: str, concurrency: int = 2) -> subprocess.Popen[bytes]:
        """Start a worker for exports; *queues* are `exports` unless told otherwise."""
        name = f"exports-{len(self.started)}"
        return self.spawn(
            name, worker_program(name, list(queues or ["exports"]), concurrency).command
        )

    def start_upkeep(self) -> subprocess.Popen[bytes]:
        name = f"upkeep-{len(self.started)}"
        return self.spawn(name, worker_program(name, ["upkeep"], 2).command)

    def start_beat(self) -> subprocess.Popen[bytes]:
        return self.spawn(f"beat-{len(self.started)}", beat_program().command)

    def start_web(self, port: int = 0) -> tuple[subprocess.Popen[bytes], WebAddress]:
        """Start the web process; gives it and where it listens."""
        address = choose_address("127.0.0.1", port, ["127.0.0.1"])
        program = web_program(address, [])
        process = self.spawn(f"web-{len(self.started)}", program.command)
        wait_until(program.is_ready)
        return process, address

    def spawn(self, name: str, command: list[str], stdin: bytes = b"") -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=tie_to_parent(),
            )
        process.stdin.write(stdin)
        process.stdin.close()
        self.started.append(process)
        return process

    def processes(self, *words: str) -> dict[int, str]:
        """List what runs with our data folder and has *words* in its command."""
        mark = f"VMS_DATA_DIR={self.folder}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and mark in read(entry / "environ").split(b"\0"):
                command = read(entry / "cmdline").replace(b"\0", b" ").decode(errors="replace")
                if command and all(word in command for word in words):
                    found[int(entry.name)] = command
        return found

    def stop(self) -> int:
        """Stop all, the broker last; returns how many processes did not end by that, so far."""
        brokers = [process for process in self.started if "valkey" in str(process.args)]
        for group in ([one for one in self.started if one not in brokers], brokers):
            for process in group:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
            for process in group:
                self.left += not ends(process)
        if self.rabbitmq is not None:
            self.rabbitmq.stop()
        with suppress(AssertionError):
            wait_until(lambda: not self.processes(), STOP_SECONDS)
        self.left += sum(kill(pid) for pid in self.processes())
        return self.left

    # --- work ---

    def order(
        self, user: User, stream: Stream, begin: float, end: float, **options: object
    ) -> Download:
        """Order the footage from *begin* to *end*, in seconds after the footage's begin."""
        interval = Interval(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))
        order = Order(interval, ((stream.camera, stream),), Options(**options))
        [made] = services.create_downloads(
            user=user, session_id="", origin="http://vms", order=order, now=timezone.now()
        )
        return made

    def wait_until_ended(self) -> None:
        """Wait for all exports to end; ask for what is in the making meanwhile."""
        active = ExportJob.objects.filter(state__in=ExportJob.ACTIVE)
        asked_at = 0.0

        def have_ended() -> bool:
            nonlocal asked_at
            if time.monotonic() - asked_at > 1:
                self.reachable += links_of_running()
                asked_at = time.monotonic()
            return not active.exists()

        wait_until(have_ended, ENDED_SECONDS)

    def wait_until_held(self) -> None:
        """Wait for an ffmpeg that waits at its gate: an export that cannot end before it opens."""
        wait_until(lambda: self.processes("ffmpeg", ".partial"))

    def wait_until_running(self) -> None:
        """Wait for an export to run; on a quick machine all may have ended meanwhile."""
        running = ExportJob.objects.filter(state="running")
        queued = ExportJob.objects.filter(state="queued")
        wait_until(lambda: running.exists() or not queued.exists())


def ends(process: subprocess.Popen[bytes]) -> bool:
    """Wait for a process that was asked to end; kill it when it does not."""
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def kill(pid: int, sign: int = signal.SIGKILL) -> bool:
    """Send a signal; False when the process has ended already."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return False
    return True


def database_url() -> str:
    """Name the database of this test run as operators do."""
    values = connection.settings_dict
    if values["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{values['NAME']}"
    host, port = values["HOST"], values["PORT"]
    return f"postgres://{values['USER']}:{values['PASSWORD']}@{host}:{port}/{values['NAME']}"


def scaled(count: int, least: int = 4) -> int:
    """Return how many of something a test takes, *count* in a full run."""
    return max(min(least, count), round(count * SCALE))


def dice(seed: int) -> random.Random:
    """Return the dice of one test: the same throws each time, whatever the machine does."""
    return random.Random(seed)
