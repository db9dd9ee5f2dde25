"""Run a command on a throwaway PostgreSQL server: `python -m tests.postgres COMMAND ...`.

The server is made from the installed binaries in a temporary folder, listens on a free loopback
port, and is gone when the command ends.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

DEBIAN_FOLDER = Path("/usr/lib/postgresql")
USER = "vms"
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def main(command: list[str]) -> int:
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit(
            "PostgreSQL is not installed: no initdb on PATH or in /usr/lib/postgresql."
        )
    with running_server(binaries) as url:
        environment = {
            **os.environ,
            "VMS_DATABASE_URL": url,
            "VMS_SECRET_KEY": os.environ.get("VMS_SECRET_KEY") or secrets.token_urlsafe(48),
        }
        return subprocess.run(command, env=environment, check=False).returncode


def find_binaries() -> Path | None:
    """Return the folder of the newest installed server, None when there is none."""
    versions = [path for path in DEBIAN_FOLDER.glob("*/bin") if (path / "initdb").exists()]
    if versions:
        return max(versions, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def running_server(binaries: Path) -> Iterator[str]:
    """Run a server while the block runs; gives the address of an empty database."""
    with tempfile.TemporaryDirectory(prefix="vms-postgres-") as name:
        folder = Path(name)
        password = secrets.token_urlsafe(16)
        make_cluster(binaries, folder, password)
        port = free_port("127.0.0.1")
        settings = (f"unix_socket_directories={folder}", f"port={port}", *QUICK)
        command = [str(binaries / "postgres"), "-D", str(folder / "data")]
        for setting in (*settings, "listen_addresses=127.0.0.1", "max_connections=200"):
            command += ["-c", setting]
        log = (folder / "log").open("wb")
        # SIGINT is PostgreSQL's fast shutdown: it ends in order even when we are killed.
        with (
            log,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tie_to_parent(signal.SIGINT),
                **unprivileged(),
            ) as server,
        ):
            url = f"postgres://{USER}:{password}@127.0.0.1:{port}/{USER}"
            try:
                create_database(binaries, url, folder)
                yield url
            finally:
                server.send_signal(signal.SIGINT)


def make_cluster(binaries: Path, folder: Path, password: str) -> None:
    password_file = folder / "password"
    password_file.write_text(password)
    if os.geteuid() == 0:
        for path in (folder, password_file):
            shutil.chown(path, "nobody", pwd.getpwnam("nobody").pw_gid)
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", USER]
    command += [
        "--pwfile",
        str(password_file),
        "--auth",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    run([*command, "--locale", "C.UTF-8"], folder)


def create_database(binaries: Path, url: str, folder: Path) -> None:
    """Create the database once the server takes connections."""
    address = url.rpartition("/")[0] + "/postgres"
    ready = [str(binaries / "pg_isready"), "-q", "-d", address]
    for _attempt in range(1200):
        if subprocess.run(ready, check=False).returncode == 0:
            break
        time.sleep(0.1)
    else:
        raise SystemExit(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")
    run([str(binaries / "psql"), "-q", "-d", address, "-c", f"CREATE DATABASE {USER}"], folder)


def run(command: list[str], folder: Path) -> None:
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, **unprivileged()
    )
    if result.returncode != 0:
        raise SystemExit(f"{Path(command[0]).name} failed:\n{result.stderr}")


def unprivileged() -> dict[str, Any]:
    """Name the user to run as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
