"""How many closed segments a second are indexed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bench.cases import INDEX_BARS
from bench.figures import Figure
from bench.footage import FootageSet, Source
from bench.meter import Cost, measured

Say = Callable[[str], None]

FORGOTTEN_SECONDS = 40


def measure_indexing(footage: FootageSet, root: Path, rounds: int, say: Say) -> list[Figure]:
    """Time reading each file of a set, and reading it and writing its sidecar."""
    from bench import ours  # needs Django, which the caller has set up by now

    sources = footage.make(root)
    fresh = emptied(root / "fresh-sidecars" / footage.name, say)
    bars = INDEX_BARS.get(footage.container)
    ways: dict[str, Callable[[Source], object]] = {
        "read": lambda source: ours.index(source.path),
        "read, sidecar written": lambda source: ours.write_sidecar(source, place),
    }
    place = fresh
    figures = []
    for what, work in ways.items():
        costs: list[Cost] = []
        for turn in range(rounds + 1):
            say(f"indexing {footage.name}, {what}: round {turn} of {rounds}")
            # A closed segment has no sidecar yet.
            place = fresh / str(turn)
            with measured() as cost:
                for source in sources:
                    work(source)
            if turn:
                costs.append(cost)
        walls = [len(sources) / cost.wall for cost in costs]
        cpu = [len(sources) / cost.cpu for cost in costs]
        figures += [
            Figure(footage.name, f"closed segments: {what}", "/s", walls, bars, at_least=True),
            Figure(footage.name, f"closed segments: {what}, a second of CPU", "/s", cpu),
        ]
    return figures


def emptied(folder: Path, say: Say) -> Path:
    """Remove what a run before left in *folder*, and wait until the file system forgets it.

    ext4 looks at each file of the neighbourhood that was deleted within 35 seconds before it makes
    a new one: ours would take ten times as long. So they are left where they are by every run.
    """
    if folder.exists():
        say("waiting until the file system has forgotten the sidecars of the last run")
        shutil.rmtree(folder)
        time.sleep(FORGOTTEN_SECONDS)
    return folder
