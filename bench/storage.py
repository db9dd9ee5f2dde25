"""How fast `/storage/` hands a file over, beside nginx, and the memory that slow readers cost.

python -m bench.storage BYTES       in the environment of `bench.place`: makes the database, the
file and the record of it, and prints the link and the name of the file, as JSON
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.api_server import HOST, NotStarted, Server, started, web_process
from bench.figures import Bars, Figure
from bench.meter import MEGABYTE
from bench.place import environment, start_django
from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

Say = Callable[[str], None]

SIZE, TINY_SIZE = 1_000_000_000, 5_000_000
BLOCK = 2**20
TO_NGINX = Bars(0.7, 1.0)
MEMORY_MB = Bars(100)
SLOW_READERS, SLOW_SECONDS, SLOW_STEP = (1, 10), 5.0, 0.05
# A small file is fetched more often in a round, so that starting is not all there is.
LEAST_BYTES = 50 * MEGABYTE
KIB = 1024
PREFIX = "/_files/"

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on; tcp_nopush on; types {{ video/mp4 mp4; }}
    client_body_temp_path {folder}/tmp-body; proxy_temp_path {folder}/tmp-proxy;
    fastcgi_temp_path {folder}/tmp-f; uwsgi_temp_path {folder}/tmp-u; scgi_temp_path {folder}/tmp-s;
    server {{
        listen {host}:{port};
        location /static/ {{ alias {storage}/; }}
        location {prefix} {{ internal; alias {storage}/; }}
        location /storage/ {{ proxy_pass http://{host}:{web_port}; proxy_set_header Host $host; }}
    }}
}}
"""


@dataclass(frozen=True)
class Served:
    """The link of a finished file, and the file's name in the storage folder."""

    link: str
    file: str


def measure_storage(root: Path, size: int, rounds: int, say: Say) -> list[Figure]:
    """Fetch one file in turns from us and from nginx, then let slow readers have it."""
    folder = root / "storage-bench"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    served = prepare(folder, size)
    program = find_nginx()
    try:
        with ExitStack() as stack:
            direct = stack.enter_context(web_process(folder))
            ways = {"direct": (direct.port, served.link)}
            if program:
                mode = {"VMS_STORAGE_DELIVERY": "x-accel"}
                web = stack.enter_context(web_process(folder, **mode))
                nginx = stack.enter_context(nginx_server(program, folder, web.port))
                ways["nginx static"] = (nginx.port, f"/static/{served.file}")
                ways["x-accel"] = (nginx.port, served.link)
            else:
                say("nginx is not installed: nothing to compare with")
            speeds = take_turns(ways, size, rounds, say)
            peaks = {
                count: peak_with_slow_readers(direct, served.link, size, count)
                for count in SLOW_READERS
            }
    finally:
        shutil.rmtree(folder)
    return figures_of(f"{size / MEGABYTE:,.0f} MB", speeds, peaks)


def prepare(folder: Path, size: int) -> Served:
    answer = subprocess.run(
        [sys.executable, "-m", "bench.storage", str(size)],
        env=environment(folder),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=tie_to_parent(),
    )
    return Served(**json.loads(answer.stdout))


def find_nginx() -> str | None:
    # Debian puts it where only the administrator's PATH leads.
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


@contextmanager
def nginx_server(program: str, folder: Path, web_port: int) -> Iterator[Server]:
    """Run nginx on the storage folder, and before the web process on *web_port*."""
    port = free_port(HOST)
    config = folder / "nginx.conf"
    config.write_text(
        NGINX.format(
            folder=folder,
            storage=folder / "data" / "storage",
            host=HOST,
            port=port,
            web_port=web_port,
            prefix=PREFIX,
        )
    )
    command = [program, "-p", str(folder), "-e", "stderr", "-c", str(config)]
    with started(command, None) as process:
        wait_for_port(port, process)
        yield Server(process.pid, port)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection((HOST, port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise NotStarted("nginx ended")


def take_turns(
    ways: dict[str, tuple[int, str]], size: int, rounds: int, say: Say
) -> dict[str, list[float]]:
    """Return bytes a second of every way and round; the first round warms up the page cache."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    times = max(1, LEAST_BYTES // size)
    for turn in range(rounds + 1):
        say(f"storage: round {turn} of {rounds}" if turn else "storage: warm-up")
        for name, (port, path) in ways.items():
            begin = time.perf_counter()
            for _ in range(times):
                if (read := fetch(port, path)) != size:
                    raise NotStarted(f"{name} gave {read} bytes of {size}")
            if turn:
                found[name].append(times * size / (time.perf_counter() - begin))
    return found


def fetch(port: int, path: str) -> int:
    """Read a body to its end and throw it away; returns its length."""
    buffer = bytearray(BLOCK)
    with opened(port, path) as client:
        head = b""
        while b"\r\n\r\n" not in head:
            block = client.recv(KIB)
            if not block:
                return 0
            head += block
        total = len(head.partition(b"\r\n\r\n")[2])
        while read := client.recv_into(buffer):
            total += read
    return total


@contextmanager
def opened(port: int, path: str, buffer: int | None = None) -> Iterator[socket.socket]:
    """Send a request; *buffer* limits how much the kernel takes of the answer before we do."""
    with socket.socket() as client:
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.connect((HOST, port))
        request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        client.sendall(request.encode())
        yield client


def peak_with_slow_readers(server: Server, path: str, size: int, count: int) -> float:
    """Return the peak of the process's resident memory in bytes while *count* read slowly."""
    process = Path(f"/proc/{server.pid}")
    (process / "clear_refs").write_text("5")
    with ExitStack() as stack:
        readers = [stack.enter_context(opened(server.port, path, 64 * KIB)) for _ in range(count)]
        deadline = time.monotonic() + min(SLOW_SECONDS, size / MEGABYTE)
        while time.monotonic() < deadline:
            for reader in readers:
                reader.recv(16 * KIB)
            time.sleep(SLOW_STEP)
        lines = (process / "status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) * KIB


def figures_of(case: str, speeds: dict[str, list[float]], peaks: dict[int, float]) -> list[Figure]:
    static = speeds.get("nginx static")
    figures = []
    for name, values in speeds.items():
        if static and values is not static:
            ratio = [ours / theirs for ours, theirs in zip(values, static, strict=True)]
            figures.append(
                Figure(case, f"{name} / nginx static", "x", ratio, TO_NGINX, at_least=True)
            )
    rates = {name: [value / MEGABYTE for value in values] for name, values in speeds.items()}
    figures += [Figure(case, name, "MB/s", values) for name, values in rates.items()]
    for count, peak in peaks.items():
        bars = MEMORY_MB if count == 1 else None
        what = f"peak memory of the process, slow readers: {count}"
        figures.append(Figure(case, what, "MB", [peak / MEGABYTE], bars))
    return figures


def main(size: int) -> dict[str, str]:
    start_django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from django.conf import settings
    from django.utils import timezone

    from downloads.models import Download
    from downloads.naming import link_path
    from exports.models import ExportJob
    from vms.accounts.models import User

    now = timezone.now()
    user = User.objects.create_user("bench")
    hour = timedelta(hours=1)
    job = ExportJob(begin=now - hour, end=now, state="ready", size=size, sha256="0" * 64)
    job.fingerprint = job.pk.hex
    job.file = f"{job.pk.hex[:2]}/{job.pk.hex}-1.mp4"
    job.finished_at, job.expires_at = now, now + 24 * hour
    job.save()
    download = Download.objects.create(
        user=user, job=job, name="bench.mp4", begin=job.begin, end=job.end, announced_at=now
    )
    write_file(settings.STORAGE_DIR / job.file, size)
    return {"link": link_path(download.secret, download.name), "file": job.file}


def write_file(path: Path, size: int) -> None:
    """Write real bytes: a hole would not have to be read."""
    path.parent.mkdir(parents=True)
    block = os.urandom(BLOCK)
    with path.open("wb") as file:
        for begin in range(0, size, BLOCK):
            file.write(block[: size - begin])


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
