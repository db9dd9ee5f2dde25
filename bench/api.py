"""How the list of downloads answers when there are a million, in each kind of database.

The user who asks has as many rows as before; what grows is everybody else's.
"""

from __future__ import annotations

import http.client
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench.api_rows import OF_ONE_USER, PER_PAGE
from bench.api_server import HOST, web_process
from bench.figures import Bars, Figure
from bench.place import environment
from tests.postgres import find_binaries, running_server
from vms.media.process import tie_to_parent

Say = Callable[[str], None]

DOWNLOADS = 1_000_000
GROWTH = Bars(3.0)
LAST_PAGE = OF_ONE_USER // PER_PAGE
PAGES = {"first page": 1, "last page": LAST_PAGE}
REQUESTS, WARM_UP = 200, 20
PATH = "/api/v1/downloads"
SIZES = ("few", "many")


class Asked:
    """A web process that is asked for pages of one user's downloads, on one connection."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection(HOST, port)
        self.headers = {"Authorization": f"Bearer {token}"}

    def milliseconds(self, page: int) -> float:
        begin = time.perf_counter()
        self.connection.request("GET", f"{PATH}?page={page}", headers=self.headers)
        body = self.connection.getresponse().read()
        spent = time.perf_counter() - begin
        answer = json.loads(body)
        if len(answer["data"]) != PER_PAGE or answer["meta"]["total"] != OF_ONE_USER:
            raise AssertionError(f"not the page that was asked for: {answer['meta']}")
        return spent * 1000


def measure_api(root: Path, database: str, rows: int, say: Say) -> list[Figure]:
    """Measure in *database*: `sqlite`, or `postgresql` where that is installed."""
    folder = root / "api-bench"
    shutil.rmtree(folder, ignore_errors=True)
    binaries = find_binaries()
    try:
        if database == "sqlite":
            return measure_in(folder, database, {}, rows, say)
        if binaries is None:
            say("PostgreSQL is not installed: left out")
            return []
        with running_server(binaries) as url:
            return measure_in(folder, database, make_databases(url), rows, say)
    finally:
        shutil.rmtree(folder)


def make_databases(url: str) -> dict[str, str]:
    """Make a database for each size on a server; returns their addresses."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in SIZES:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return {name: urlunsplit(urlsplit(url)._replace(path=f"/{name}")) for name in SIZES}


def measure_in(folder: Path, name: str, urls: dict[str, str], rows: int, say: Say) -> list[Figure]:
    """Ask two web processes in turns, one with few downloads and one with many."""
    sizes = dict(zip(SIZES, (OF_ONE_USER, rows), strict=True))
    made, asked = {}, {}
    with ExitStack() as stack:
        for key, size in sizes.items():
            say(f"{name}: {size:,} downloads")
            (folder / key / "data").mkdir(parents=True)
            made[key] = fill(folder / key, urls.get(key), size)
        for key in sizes:
            web = stack.enter_context(web_process(folder / key, urls.get(key)))
            asked[key] = Asked(web.port, made[key]["token"])
        times = take_turns(asked)
    figures = []
    for page in PAGES:
        case = f"{name}, GET {PATH}, {page}"
        few, many = (times[key, page] for key in SIZES)
        growth = [p95(many) / p95(few)]
        figures.append(Figure(case, "p95, many / few", "x", growth, GROWTH))
        for key, size in sizes.items():
            plans = made[key]["plans"]
            more = {"plan": plans[page], "count": plans["count"]}
            what = f"{size:,} downloads"
            figures.append(Figure(case, what, "ms", times[key, page], more=more))
            figures.append(Figure(case, f"{what}, p95", "ms", [p95(times[key, page])]))
    return figures


def fill(folder: Path, url: str | None, rows: int) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-m", "bench.api_rows", str(rows)],
        env=environment(folder, url),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=tie_to_parent(),
    )
    made: dict[str, Any] = json.loads(answer.stdout)
    return made


def take_turns(asked: dict[str, Asked]) -> dict[tuple[str, str], list[float]]:
    """Return the milliseconds of every request, by size and page."""
    times: dict[tuple[str, str], list[float]] = {(key, page): [] for key in asked for page in PAGES}
    for turn in range(-WARM_UP, REQUESTS):
        for page, number in PAGES.items():
            for key, one in asked.items():
                spent = one.milliseconds(number)
                if turn >= 0:
                    times[key, page].append(spent)
    return times


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
