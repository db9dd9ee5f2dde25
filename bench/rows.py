"""How fast the archive's index answers, with millions of rows, in each kind of database.

Every database is new, holds the real migrated schema, and is gone afterwards. The work is done by
a process of its own (`bench.database`): which database Django speaks to is settled when it starts.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Bars, Figure
from bench.place import environment
from tests.postgres import find_binaries, running_server
from vms.media.process import tie_to_parent

Say = Callable[[str], None]

# What is called flat: ten times the rows may cost this much more.
FLAT = Bars(1.5)
QUICK_MS = {"1 h": Bars(1.0)}


def measure_rows(root: Path, database: str, rows: int, say: Say) -> list[Figure]:
    """Measure in *database*: `sqlite`, or `postgresql` where that is installed."""
    if database == "sqlite":
        return measure_in(root / "rows", database, None, rows, say)
    binaries = find_binaries()
    if binaries is None:
        say("PostgreSQL is not installed: left out")
        return []
    with running_server(binaries) as url:
        return measure_in(root / "rows", database, url, rows, say)


def measure_in(folder: Path, name: str, url: str | None, rows: int, say: Say) -> list[Figure]:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    sizes = [max(rows // 10, 1), rows]
    say(f"{name}: {sizes[0]:,} and then {sizes[1]:,} rows")
    answer = subprocess.run(
        [sys.executable, "-m", "bench.database", *map(str, sizes)],
        env=environment(folder, url),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=tie_to_parent(),
    )
    shutil.rmtree(folder)
    return figures_of(name, json.loads(answer.stdout))


def figures_of(database: str, answers: Sequence[dict[str, Any]]) -> list[Figure]:
    """Make figures of what `bench.database` printed; it tells milliseconds of each query.

    How the time grows with the archive is told where both sizes had as much to find.
    """
    figures = []
    smaller: dict[tuple[str, str, int], float] = {}
    for item in answers:
        where = f"{database}, {item['span']}"
        values, found, how = item["milliseconds"], item["found"], item["how"]
        bars = QUICK_MS.get(item["span"])
        case = f"{where}, {item['rows'] / 1e6:g} M rows"
        more = {"plan": item["plan"]}
        figures.append(Figure(case, f"{how}, finds {found}", "ms", values, bars, more=more))
        figures.append(Figure(case, f"{how}, CPU of the asker", "ms", item["cpu"]))
        key, median = (item["span"], how, found), statistics.median(values)
        if key in smaller:
            growth = [median / smaller[key]]
            figures.append(Figure(where, f"{how}, growth with 10 x rows", "x", growth, FLAT))
        smaller[key] = median
    return figures
