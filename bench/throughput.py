"""Exports a second of one and two workers, and how soon a client hears of its file.

Whole servers, as `manage.py up` runs them, on a data folder of their own; the floor is a bare loop
over the engine that makes the same files one after another, each as durable.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from bench.api_server import NotStarted
from bench.cases import PLAIN
from bench.figures import Bars, Figure
from bench.footage import Source, interval
from bench.meter import Stages
from bench.place import environment
from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent

EXPORTS, SECONDS, TOLD = 200, 60.0, 30
WORKERS = (1, 2)
PATIENCE_SECONDS = 600.0
LAYOUT = "%Y-%m-%d_%H-%M-%S.mp4"
LOGIN, PASSWORD = "bench", "only for the bench 1"
# Each begins a little later: none shares a file with another.
STEP_SECONDS = 0.52
Say = Callable[[str], None]


def measure_throughput(
    root: Path, exports: int, told: int, rounds: int, say: Say
) -> Iterator[list[Figure]]:
    """Give the figures of throughput, then those of an idle system."""
    sources = PLAIN.make(root)
    case = f"{exports} exports of {SECONDS:.0f} s"
    loops: list[float] = []
    rates: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for turn in range(rounds):
        say(f"throughput: round {turn + 1} of {rounds}, bare loop")
        loops.append(bare_loop(sources, exports, root))
        for workers in WORKERS:
            say(f"throughput: round {turn + 1} of {rounds}, worker processes: {workers}")
            rates[workers].append(queue_of(root, sources, exports, workers))
    figures = [Figure(case, "bare loop over the engine", "/s", loops)]
    for workers, found in rates.items():
        figures += [
            Figure(case, f"worker processes: {workers}", "/s", found),
            Figure(
                case,
                f"worker processes: {workers}, to the bare loop",
                "x",
                [rate / loop for rate, loop in zip(found, loops, strict=True)],
                Bars(0.5, 0.8) if workers == 1 else None,
                at_least=True,
            ),
        ]
    yield figures
    say(f"throughput: {told} single exports on an idle system")
    waits = single_exports(root, sources, told)
    yield [
        Figure("1 min, idle system", "from POST to push", "ms", waits, Bars(400, 150)),
        Figure("1 min, idle system", "the same, p95", "ms", [sorted(waits)[int(0.95 * told)]]),
    ]


def bare_loop(sources: Sequence[Source], exports: int, root: Path) -> float:
    """Make the files one after another, synced as the worker does; returns exports a second."""
    from bench import ours  # needs Django

    cache = root / "sidecars"
    ours.write_sidecars(sources, cache)
    begun = time.monotonic()
    for number in range(exports):
        asked = interval(begin_of(number), SECONDS)
        made = ours.make_file(sources, asked, cache, f"{number:032x}-1", Stages())
        ours.publish(made).unlink()
    return exports / (time.monotonic() - begun)


def begin_of(number: int) -> float:
    return 0.52 + number * STEP_SECONDS


def queue_of(root: Path, sources: Sequence[Source], exports: int, workers: int) -> float:
    """Order all while no worker runs, then have them made; returns exports a second."""
    with installation(root, sources) as folder:
        with up(folder, "web") as url:
            client = Client(url)
            for number in range(exports):
                client.order(sources, number)
        with up(folder, "worker,beat", VMS_EXPORT_CONCURRENCY=str(workers)):
            return wait_for_all(folder, exports)


def single_exports(root: Path, sources: Sequence[Source], told: int) -> list[float]:
    """Order one, wait until its socket hears of it, order the next; returns milliseconds."""
    waits = []
    with installation(root, sources) as folder, up(folder, "web,worker,beat") as url:
        client = Client(url)
        with client.listen() as socket:
            for number in range(told + 1):
                begun = time.monotonic()
                client.order(sources, number)
                while not is_end(json.loads(socket.recv(timeout=PATIENCE_SECONDS))):
                    pass
                waits.append((time.monotonic() - begun) * 1000)
    return waits[1:]  # the first one wakes everything


def is_end(message: dict[str, Any]) -> bool:
    return bool(message["type"] == "event" and message["data"]["type"] == "archive_generated")


@contextmanager
def installation(root: Path, sources: Sequence[Source]) -> Iterator[Path]:
    """Make a data folder with a user and a camera whose archive *sources* are; it is removed."""
    folder = root / "throughput"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        manage(folder, "migrate", "--verbosity", "0")
        manage(folder, "add_user", LOGIN, "--password", PASSWORD)
        manage(folder, "add_camera", "Bench", "--owner", LOGIN)
        recordings = folder / "recordings"
        recordings.mkdir()
        for source in sources:
            (recordings / source.begin.strftime(LAYOUT)).hardlink_to(source.path)
        manage(folder, "import_archive", "1", str(recordings), "--layout", LAYOUT)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def manage(folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments]
    answer = subprocess.run(
        command, env=values_of(folder), check=True, capture_output=True, text=True
    )
    return answer.stdout


def values_of(folder: Path, **settings: str) -> dict[str, str]:
    own = {
        "VMS_DATA_DIR": str(folder),
        "VMS_LOG_LEVEL": "INFO",
        "VMS_PORT": "0",
        "VMS_EXPORT_MAX_ACTIVE": "10000",
        "VMS_CLEANUP_INTERVAL_SECONDS": "3600",
    }
    values = {**environment(folder), **own, **settings}
    # The broker is the embedded one, and so is the key.
    del values["VMS_SECRET_KEY"]
    return values


@contextmanager
def up(folder: Path, programs: str, **settings: str) -> Iterator[str]:
    """Run *programs*; gives the address of the web process if it is one of them."""
    log = folder / "up.log"
    command = [sys.executable, str(PROJECT_DIR / "manage.py"), "up", "--only", programs]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=values_of(folder, **settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=tie_to_parent(),
        )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while " ready  " not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted(log.read_text())
            time.sleep(0.05)
        address = folder / "run" / "web.url"
        yield address.read_text() if address.exists() else ""
    finally:
        process.terminate()
        process.wait()


def wait_for_all(folder: Path, exports: int) -> float:
    """Wait for the last file; returns exports a second from the start of the first one on."""
    code = (
        "import json; from django.db.models import Count, Max, Min, Q;"
        "from exports.models import ExportJob as J;"
        "print(json.dumps(J.objects.aggregate(ready=Count('pk', filter=Q(state='ready')),"
        "failed=Count('pk', filter=Q(state='failed')), first=Min('started_at'),"
        "last=Max('finished_at')), default=lambda moment: moment.timestamp()))"
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = json.loads(manage(folder, "shell", "--no-imports", "-v", "0", "-c", code))
        if found["failed"] or time.monotonic() > deadline:
            raise SystemExit(f"Not all exports were made: {found}")
        if found["ready"] == exports:
            return float(exports / (found["last"] - found["first"]))
        time.sleep(2.0)


class Client:
    """Signed in over HTTP as clients are."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""
        self.token = self.post("/api/v1/token", login=LOGIN, password=PASSWORD)["access_token"]

    def post(self, path: str, **body: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url + path, json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return json.loads(answer.read())

    def order(self, sources: Sequence[Source], number: int) -> None:
        begin = sources[0].begin + timedelta(seconds=begin_of(number))
        end = begin + timedelta(seconds=SECONDS)
        form = "%Y-%m-%dT%H:%M:%S.%fZ"
        wanted = {"from": begin.strftime(form), "to": end.strftime(form), "ids": [1]}
        self.post("/api/v1/downloads", **wanted)

    def listen(self) -> Any:
        address = self.url.replace("http://", "ws://") + "/ws/notifications"
        return connect(address, additional_headers={"Authorization": f"Bearer {self.token}"})
