"""Measure export engine and API: `python -m bench [PART ...]`; see `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import cases, place
from bench.figures import Figure, save, show

# Of parts whose cases do not say their own.
ROUNDS = 5
LINK_ROUNDS = 15
PREVIEW_ROUNDS = 25
# The exit code when a figure misses its bar; other codes are for what went wrong.
MISSED = 3
PARTS = ("exports", "plan", "memory", "index", "drift", "previews", "rows")
# What `make bench-api` asks for: servers instead of the engine.
API_PARTS = ("api", "storage", "links")
# And `make bench-push`.
PUSH_PARTS = ("push",)
# And `make bench-throughput`.
THROUGHPUT_PARTS = ("throughput",)
SERVER_PARTS = API_PARTS + PUSH_PARTS + THROUGHPUT_PARTS
ALL_PARTS = PARTS + SERVER_PARTS


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    place.set_up(options.folder)
    console = Console(width=max(140, Console().width))
    found: list[Figure] = []
    for part in options.parts or PARTS:
        run = measure_server if part in SERVER_PARTS else OWN_WAYS.get(part, measure)
        for figures in run(part, options):
            show(part, figures, console)
            found += figures
            save(options.json, machine(), found)
    missed = [item for item in found if item.verdict == "missed"]
    console.print(
        f"{len(missed)} of {len(found)} figures miss their bar; all are in the JSON file."
    )
    return MISSED if missed else 0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(ALL_PARTS))
    parser.add_argument("--rounds", type=int, help="rounds that count; default: the case's own")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--folder", type=Path, default=place.default_folder())
    parser.add_argument("--json", type=Path, help="default: results/<now>.json in the folder")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of the archive's index")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--tiny", action="store_true", help="seconds of small footage, no measure")
    options = parser.parse_args(arguments)
    known = ALL_PARTS
    if unknown := set(options.parts) - set(known):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    now = datetime.now(UTC)
    options.folder = options.folder.resolve()
    options.json = options.json or options.folder / "results" / f"{now:%Y-%m-%dT%H-%M-%S}.json"
    return options


def measure(part: str, options: argparse.Namespace) -> Iterator[list[Figure]]:
    """Run one part, case by case; modules that need Django are imported once it is set up."""
    from bench import drift, indexing, planning, rounds, rows

    root, turns = options.folder, options.rounds
    if part == "exports":
        for case in cases.TINY_CASES if options.tiny else cases.CASES:
            if options.only in case.name:
                yield rounds.measure_case(case, root, turns, say)
        return
    if part == "rows":
        for database in options.databases.split(","):
            yield rows.measure_rows(root, database, options.rows, say)
        return
    sets = cases.TINY_SETS if options.tiny else cases.LONG_SETS
    if part == "drift":
        yield drift.measure_drift(sets[0], root)
        return
    for footage in sets:
        if part == "index":
            yield indexing.measure_indexing(footage, root, turns or ROUNDS, say)
            continue
        run = planning.measure_planning if part == "plan" else planning.measure_memory
        for seconds in (48,) if options.tiny else (cases.HOUR, cases.DAY):
            yield run(footage, seconds, root, turns or ROUNDS, say)


def measure_previews(_part: str, options: argparse.Namespace) -> Iterator[list[Figure]]:
    from bench import previews

    turns = options.rounds or PREVIEW_ROUNDS
    yield from previews.measure_rendering(options.folder, turns, say, tiny=options.tiny)
    yield previews.measure_serving(options.folder, say, tiny=options.tiny)


# Parts that are about neither export engine nor servers alone.
OWN_WAYS = {"previews": measure_previews}


def measure_server(part: str, options: argparse.Namespace) -> Iterator[list[Figure]]:
    from bench import api, links, push, storage, throughput

    if part == "throughput":
        many, told = (6, 3) if options.tiny else (throughput.EXPORTS, throughput.TOLD)
        yield from throughput.measure_throughput(
            options.folder, many, told, options.rounds or 1, say
        )
        return
    if part == "push":
        yield from push.measure_push(options.folder, push.TINY if options.tiny else push.FULL, say)
        return
    if part == "links":
        yield links.measure_links(
            options.folder, options.rounds or LINK_ROUNDS, say, tiny=options.tiny
        )
        return
    if part == "storage":
        size = storage.TINY_SIZE if options.tiny else storage.SIZE
        yield storage.measure_storage(options.folder, size, options.rounds or ROUNDS, say)
        return
    downloads = min(options.rows, api.DOWNLOADS)
    for database in options.databases.split(","):
        yield api.measure_api(options.folder, database, downloads, say)


def say(text: str) -> None:
    """Tell a watching person where we are; the table alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """Describe what the figures were taken on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
