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


@contextmanager
def running_rabbitmq(folder: Path, port: int | None = None) -> Iterator[str]:
    """Run a server while the block runs; gives its address.

    Started again on the same *folder* and *port* it has what it was told to keep.
    """
    server = find_server()
    assert server is not None, "no RabbitMQ on this machine"
    port = port or free_port(LOOPBACK)
    folder.mkdir(exist_ok=True)
    (folder / "enabled_plugins").write_text("[].\n")
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = {LOOPBACK}:{port}\n"
        f"distribution.listener.interface = {LOOPBACK}\n"
        # A machine under test is short of room and memory; neither is what this is about.
        "disk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\n"
    )
    names_port = free_port(LOOPBACK)
    values = {
        **os.environ,
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"vms{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port(LOOPBACK)),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(names_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false",
    }
    log = (folder / "rabbitmq.log").open("ab")
    # Erlang's port mapper would be started as a daemon that stays; so it is a child of ours.
    with (
        log,
        child(["epmd", "-address", LOOPBACK, "-port", str(names_port)]),
        subprocess.Popen(
            [str(server)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=values,
            start_new_session=True,
            preexec_fn=tie_to_parent(),
        ) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or is_listening(port))
            assert process.poll() is None, (folder / "rabbitmq.log").read_text()
            yield f"amqp://guest:guest@{LOOPBACK}:{port}/"
        finally:
            # Its own session: what it starts goes with it.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


@contextmanager
def child(command: list[str]) -> Iterator[None]:
    with subprocess.Popen(command, preexec_fn=tie_to_parent()) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
