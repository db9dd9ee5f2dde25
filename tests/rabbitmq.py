"""A throwaway RabbitMQ server on loopback, its data in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running import wait_until
from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

# The scripts themselves: what Debian puts on PATH changes to a user of its own.
BINARIES = Path("/usr/lib/rabbitmq/bin")
LOOPBACK = "127.0.0.1"


def find_server() -> Path | None:
    """Return the program that starts a server, None when none is installed."""
    debian = BINARIES / "rabbitmq-server"
    if debian.exists():
        return debian
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


class RabbitMQ:
    """One server; started again it has the same address, and what it was told to keep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.names_port, self.cluster_port = (free_port(LOOPBACK) for _ in range(3))
        self.url = f"amqp://guest:guest@{LOOPBACK}:{self.port}/"
        self.names: subprocess.Popen[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        server = find_server()
        assert server is not None, "no RabbitMQ on this machine"
        self.folder.mkdir(exist_ok=True)
        self.configure()
        if self.names is None:
            # Erlang's port mapper would be started as a daemon that stays; so it is ours.
            command = ["epmd", "-address", LOOPBACK, "-port", str(self.names_port)]
            self.names = subprocess.Popen(command, preexec_fn=tie_to_parent())
        with (self.folder / "rabbitmq.log").open("ab") as log:
            self.process = process = subprocess.Popen(
                [str(server)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                start_new_session=True,
                preexec_fn=tie_to_parent(),
            )
        wait_until(lambda: process.poll() is not None or is_listening(self.port))
        assert process.poll() is None, (self.folder / "rabbitmq.log").read_text()

    def end(self, sign: int) -> None:
        """End the server by a signal; its own session: what it started goes with it."""
        if self.process is not None:
            os.killpg(self.process.pid, sign)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        self.end(signal.SIGTERM)
        if self.names is not None:
            self.names.terminate()
            self.names.wait()
            self.names = None

    def forget(self) -> None:
        """Remove all a server that does not run has kept."""
        shutil.rmtree(self.folder / "data")

    def configure(self) -> None:
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {LOOPBACK}:{self.port}\n"
            f"distribution.listener.interface = {LOOPBACK}\n"
            # A machine under test is short of room and memory; neither is what this is about.
            "disk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\n"
        )

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"vms{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.cluster_port),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # Else a script stands between us and the server: it would outlive us, and the script.
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self.names_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false",
        }


@contextmanager
def running_rabbitmq(folder: Path) -> Iterator[str]:
    """Run a server while the block runs; gives its address."""
    server = RabbitMQ(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
