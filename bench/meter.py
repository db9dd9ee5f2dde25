"""What a piece of work costs this process and its children: time, CPU, bytes written, memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

KIB = 1024
MEGABYTE = 1_000_000


@dataclass
class Cost:
    """Seconds by the clock, seconds of CPU, bytes written; 0 until the work is done.

    `written` takes the larger of the two counters of proc(5), `/proc/self/io`: `wchar` counts
    bytes handed to write calls and misses what the kernel copies by itself; `write_bytes` counts
    pages made dirty, also by copies in the kernel, but a page written twice before it reaches the
    disk only once. Children count from when they have been waited for.
    """

    wall: float = 0.0
    cpu: float = 0.0
    written: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    cost = Cost()
    cpu, written, begin = cpu_seconds(), counters(), time.perf_counter()
    yield cost
    cost.wall = time.perf_counter() - begin
    cost.cpu = cpu_seconds() - cpu
    cost.written = max(now - then for now, then in zip(counters(), written, strict=True))


def cpu_seconds() -> float:
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def counters() -> tuple[int, int]:
    values = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(values["wchar"]), int(values["write_bytes"])


@dataclass
class Stages:
    """How long each named part of a job took, in seconds, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin


def forget_peak() -> int:
    """Set the peak of our resident memory to what it is now, and return that, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def peak() -> int:
    """Return the peak of our resident memory in bytes; pages of mapped files count too."""
    return memory("VmHWM")


def memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:"))) * KIB
