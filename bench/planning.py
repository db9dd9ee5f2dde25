"""Plan and header alone, and the memory of a whole job, for an hour and for a day."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.cases import DAY, HOUR, MEMORY_BARS, PLAN_BARS
from bench.figures import Figure
from bench.footage import FootageSet, Source, interval, repeat
from bench.meter import MEGABYTE, Cost, Stages, measured
from bench.place import environment
from vms.media.process import tie_to_parent

Say = Callable[[str], None]


def lengthened(footage: FootageSet, seconds: int, root: Path) -> list[Source]:
    """Return sources for *seconds*: a day is the hour's files, linked under 24 names each."""
    sources = footage.make(root)
    times = -(-seconds // footage.seconds)
    if times == 1:
        return sources
    folder = footage.folder(root)
    return repeat(sources, times, folder.with_name(f"{folder.name}-x{times}"))


def measure_planning(
    footage: FootageSet, seconds: int, root: Path, rounds: int, say: Say
) -> list[Figure]:
    """Time reading the sidecars, planning and making the header."""
    from bench import ours  # needs Django, which the caller has set up by now

    sources = lengthened(footage, seconds, root)
    cache, asked = root / "sidecars", interval(0, seconds)
    ours.write_sidecars(sources, cache)
    planned: list[float] = []
    costs: list[Cost] = []
    for turn in range(rounds + 1):
        say(f"plan of {spoken(seconds)}, {footage.name}: round {turn} of {rounds}")
        # What the round before made is given up here, and not while the next is timed.
        plan = header = None
        stages = Stages()
        with measured() as cost:
            with stages("plan"):
                plan = ours.plan_job(sources, asked, cache)
            header = ours.make_header(plan)
        size = len(header)
        if turn:
            planned.append(stages.seconds["plan"] * 1000)
            costs.append(cost)
    bars = PLAN_BARS.get(seconds)
    case = f"{spoken(seconds)}, {footage.name}"
    return [
        Figure(
            case, "plan + header, with sidecars", "ms", [cost.wall * 1000 for cost in costs], bars
        ),
        Figure(case, "plan + header, CPU", "ms", [cost.cpu * 1000 for cost in costs]),
        Figure(case, "plan alone", "ms", planned),
        Figure(case, "size of the header", "MB", [size / MEGABYTE]),
    ]


def measure_memory(
    footage: FootageSet, seconds: int, root: Path, rounds: int, say: Say
) -> list[Figure]:
    """Take the peak of a process that makes one file; a new process every round.

    A day's file is a hole behind its header: 44 GB need not be on the disk for that.
    """
    sources = lengthened(footage, seconds, root)
    how = "hollow" if seconds > HOUR else "copy"
    extra = []
    for turn in range(1, rounds + 1):
        say(f"memory of {spoken(seconds)}, {footage.name}: round {turn} of {rounds}")
        extra.append(peak_of(sources, seconds, how, root) / MEGABYTE)
    bars = MEMORY_BARS.get(seconds)
    what = "peak extra RSS" + (", header before a hole" if how == "hollow" else "")
    case = f"{spoken(seconds)}, {footage.name}"
    return [Figure(case, what, "MB", extra, bars)]


def peak_of(sources: Sequence[Source], seconds: int, how: str, root: Path) -> int:
    rows = [[item.id, item.begin.isoformat(), item.seconds, str(item.path)] for item in sources]
    answer = subprocess.run(
        [sys.executable, "-m", "bench.memory", str(root), str(seconds), how],
        env=environment(root),
        check=True,
        input=json.dumps(rows),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=tie_to_parent(),
    )
    return int(answer.stdout)


def spoken(seconds: int) -> str:
    return {HOUR: "1 h", DAY: "24 h"}.get(seconds, f"{seconds} s")
