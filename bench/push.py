"""How soon a recorded event arrives at a thousand sockets of one process; what a socket costs."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.api_server import NotStarted, started, web_process
from bench.figures import Bars, Figure
from bench.place import environment
from bench.push_clients import Socket, close_all, open_all
from vms.media.process import tie_to_parent
from vms.ops.broker import EmbeddedBroker, plan_broker

Say = Callable[[str], None]

LATENCY_MS = Bars(500)
SOCKET_KB = Bars(100)
NOTHING = Bars(0)
KB = 1000
# Of each user; half of them of either kind.
SOCKETS_OF_USER = 5
# Opened and closed before: what a process loads once is no part of a socket.
WARM_UP = 50
SETTLE_SECONDS = 2.0
# From the last event on; what has not arrived by then is lost.
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Size:
    users: int
    events: int
    per_second: float


FULL = Size(200, 500, 25)
TINY = Size(4, 20, 50)


def measure_push(root: Path, size: Size, say: Say) -> Iterator[list[Figure]]:
    """Measure on SQLite and a broker of our own, with one web process."""
    folder = root / "push-bench"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    try:
        with running_broker(folder) as broker:
            settings = {"VMS_REDIS_URL": broker.url}
            say(f"{size.users} users with {SOCKETS_OF_USER} sessions each")
            sockets = make_sockets(folder, size, settings)
            with web_process(folder, **settings) as web:
                bench = PushBench(folder, settings, web.pid, web.port, say)
                yield asyncio.run(bench.run(sockets, size))
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_broker(folder: Path) -> Iterator[EmbeddedBroker]:
    broker = plan_broker(folder / "data")
    program = broker.program()
    configuration = folder / "valkey.conf"
    configuration.write_text(program.stdin or "")
    with started([program.command[0], str(configuration)], None) as process:
        while not broker.is_ready():
            if process.poll() is not None:
                raise NotStarted("the broker ended")
            time.sleep(0.05)
        yield broker


def make_sockets(folder: Path, size: Size, settings: dict[str, str]) -> list[Socket]:
    command = [*rows_command("users"), str(size.users), str(SOCKETS_OF_USER)]
    made = subprocess.run(
        command,
        env={**environment(folder), **settings},
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=tie_to_parent(),
    )
    kinds = itertools.cycle((True, False))
    return [Socket(**row, is_pusher=next(kinds)) for row in json.loads(made.stdout)]


def rows_command(what: str) -> list[str]:
    return [sys.executable, "-m", "bench.push_rows", what]


@dataclass
class PushBench:
    folder: Path
    settings: dict[str, str]
    web_pid: int
    port: int
    say: Say

    async def run(self, sockets: Sequence[Socket], size: Size) -> list[Figure]:
        few = [Socket(one.user, one.session, one.token, one.is_pusher) for one in sockets]
        await open_all(few[:WARM_UP], self.port)
        await close_all(few[:WARM_UP])
        await asyncio.sleep(SETTLE_SECONDS)
        before = self.memory()
        self.say(f"{len(sockets)} sockets")
        await open_all(sockets, self.port)
        await asyncio.sleep(SETTLE_SECONDS)
        grown = self.memory() - before
        listening = [asyncio.create_task(one.listen()) for one in sockets]
        case = f"{len(sockets):,} sockets, one process"
        figures = [Figure(case, "memory of a socket", "kB", [grown / KB / len(sockets)], SOCKET_KB)]
        paces = {f"{size.per_second:g} a second": size.per_second, "all at once": 0}
        for name, per_second in paces.items():
            self.say(f"{size.events} events, {name}")
            spent = self.cpu_seconds()
            told = await self.let_happen(sockets, size.events, per_second)
            spent = self.cpu_seconds() - spent
            figures += self.judge(f"{case}, {name}", sockets, told)
            each = spent * 1000 / size.events
            figures.append(Figure(f"{case}, {name}", "CPU of the process, an event", "ms", [each]))
        at_work = (self.memory() - before) / KB / len(sockets)
        figures.append(Figure(case, "memory of a socket, afterwards", "kB", [at_work]))
        await close_all(sockets)
        await asyncio.gather(*listening)
        return figures

    async def let_happen(
        self, sockets: Sequence[Socket], events: int, per_second: float
    ) -> list[dict[str, Any]]:
        """Record events for one user after another, and wait until all have arrived."""
        owners = [(one.user, one.session) for one in sockets[::SOCKETS_OF_USER]]
        wanted = list(itertools.islice(itertools.cycle(owners), events))
        process = await asyncio.create_subprocess_exec(
            *rows_command("events"),
            str(per_second),
            env={**environment(self.folder), **self.settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=tie_to_parent(),
        )
        printed, _nothing = await process.communicate(json.dumps(wanted).encode())
        told = [json.loads(line) for line in printed.splitlines()]
        if process.returncode or len(told) != events:
            raise NotStarted("events were not recorded")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing(sockets, told) and time.monotonic() < deadline:  # noqa: ASYNC110 - of many
            await asyncio.sleep(0.1)
        return told

    def judge(
        self, case: str, sockets: Sequence[Socket], told: list[dict[str, Any]]
    ) -> list[Figure]:
        times = [
            (one.arrivals[event["number"]] - event["at"]) * 1000
            for event, one in awaited(sockets, told)
            if event["number"] in one.arrivals
        ]
        cut = statistics.quantiles(times or [math.inf] * 2, n=100)
        repeated = sum(one.repeated for one in sockets)
        seconds = told[-1]["at"] - told[0]["at"]
        return [
            Figure(
                case, "commit to arrival, p50", "ms", [cut[49]], LATENCY_MS, more={"times": times}
            ),
            Figure(case, "commit to arrival, p99", "ms", [cut[98]], LATENCY_MS),
            Figure(case, "arrivals lost", "", [missing(sockets, told)], NOTHING),
            Figure(case, "arrivals repeated", "", [repeated], NOTHING),
            Figure(case, "events recorded", "/ s", [len(told) / seconds]),
        ]

    def cpu_seconds(self) -> float:
        """Return what the web process has used so far, which a busy machine does not change."""
        fields = Path(f"/proc/{self.web_pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Return the bytes of the web process that are in memory."""
        fields = Path(f"/proc/{self.web_pid}/smaps_rollup").read_text().splitlines()
        [resident] = [line.split()[1] for line in fields if line.startswith("Rss:")]
        return int(resident) * 1024


def awaited(
    sockets: Sequence[Socket], told: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], Socket]]:
    """Pair each event with each socket that is to hear of it."""
    of_user: dict[int, list[Socket]] = {}
    for one in sockets:
        of_user.setdefault(one.user, []).append(one)
    for event in told:
        for one in of_user[event["user"]]:
            yield event, one


def missing(sockets: Sequence[Socket], told: list[dict[str, Any]]) -> int:
    return sum(event["number"] not in one.arrivals for event, one in awaited(sockets, told))
