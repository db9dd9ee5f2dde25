"""Running readers in processes that end when they take too much, and saying on which input."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.media.fuzz.mutate import Recipe

# A process lives so long, so that what it leaks shows as growth and not as a finding.
BATCH_SECONDS = 20


@dataclass
class Report:
    """What came of a run; findings and words hold the number of the first input for each.

    Of a replay, `ends` has the word of every input, if all of them were read by one process.
    """

    done: int = 0
    seconds: float = 0
    findings: dict[str, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    slowest: float = 0
    peak: int = 0
    ends: list[str] = field(default_factory=list)

    def add(self, result: dict[str, Any]) -> None:
        self.done += result["done"]
        self.ends += result["ends"]
        for number, word in result["findings"]:
            self.findings.setdefault(word, number)
        for word, number in result["words"].items():
            self.words.setdefault(word, number)
        self.slowest = max(self.slowest, result["slowest"])
        self.peak = max(self.peak, result["peak"])


def replay(reader: str, seeds: Path, known: Sequence[Recipe]) -> Report:
    """Read all *known* inputs with the reader `module:name`, one of its READERS."""
    report = Report()
    first = 0
    while first < len(known):
        first = batch(report, reader, seeds, known, first, run=None, seconds=0)
    return report


def fuzz(reader: str, seeds: Path, known: Sequence[Recipe], run: str, seconds: float) -> Report:
    """Invent inputs from *known* ones for so many seconds."""
    report = Report()
    begun, first = time.monotonic(), 0
    while (left := begun + seconds - time.monotonic()) > 0:
        first = batch(
            report, reader, seeds, known, first, run=run, seconds=min(BATCH_SECONDS, left)
        )
    report.seconds = time.monotonic() - begun
    return report


def batch(
    report: Report,
    reader: str,
    seeds: Path,
    known: Sequence[Recipe],
    first: int,
    *,
    run: str | None,
    seconds: float,
) -> int:
    """Let one process read from input *first* on; returns the number of the next input."""
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as at:
        at.write(struct.pack("<q", first - 1))
        at.flush()
        orders = {
            "reader": reader,
            "seeds": str(seeds),
            "at": at.name,
            "first": first,
            "run": run,
            "seconds": seconds,
            "known": [{"seed": one.seed, "mutations": one.mutations} for one in known],
        }
        child = subprocess.run(
            [sys.executable, "-m", "tests.media.fuzz.child"],
            input=json.dumps(orders).encode(),
            stdout=subprocess.PIPE,
            check=False,
        )
        last = int(struct.unpack("<q", Path(at.name).read_bytes())[0])
    if child.returncode == 0:
        report.add(json.loads(child.stdout))
    elif last < first:
        raise RuntimeError("The reader did not get through the footage itself.")
    else:
        report.done += last - first
        report.findings.setdefault(spoken(child.returncode), last)
    return last + 1


def spoken(code: int) -> str:
    """Say how a process ended; one that hangs is ended by the kernel."""
    if code == -signal.SIGXCPU:
        return "hang"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
