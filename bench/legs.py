"""The ways to bring the same footage into a new file, each measured alike.

A leg is timed twice: until the file is whole, and again until it is on the disk. The file is on
the disk and gone before the next leg begins, so none pays for another's writes.
"""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import job, ours
from bench.footage import Source, touching
from bench.meter import Cost, Stages, measured
from cameras.models import Stream
from cameras.timeline import Interval
from vms.media.ffmpeg import find_ffmpeg


@dataclass(frozen=True)
class Work:
    """One export, and what its floor copies: (path, first byte, bytes)."""

    name: str
    sources: Sequence[Source]
    asked: Interval
    cache: Path
    output: Path
    spans: Sequence[tuple[Path, int, int]]
    stream: Stream

    @property
    def media(self) -> int:
        return sum(length for _path, _first, length in self.spans)


@dataclass
class Leg:
    """What one run cost; `durable` is the time by the clock with the file on the disk."""

    cost: Cost
    durable: float
    size: int
    stages: dict[str, float] = field(default_factory=dict)


def prepare(
    name: str, sources: Sequence[Source], asked: Interval, cache: Path, output: Path
) -> Work:
    """Write sidecars and find out which bytes the floor copies."""
    ours.write_sidecars(sources, cache)
    output.mkdir(parents=True, exist_ok=True)
    paths = {item.id: item.path for item in sources}
    plan = ours.plan_job(sources, asked, cache)
    spans = [(paths[number], first, length) for number, first, length in ours.spans(plan)]
    stream = job.index_archive(sources[0].path.parent.name, sources)
    return Work(name, sources, asked, cache, output, spans, stream)


def run_ours(work: Work) -> Leg:
    stages = Stages()
    with settled():
        with measured() as cost:
            made = ours.make_file(work.sources, work.asked, work.cache, "0" * 32 + "-1", stages)
        with measured() as durable, stages("publish"):
            path = ours.publish(made)
    leg = Leg(cost, cost.wall + durable.wall, path.stat().st_size, stages.seconds)
    path.unlink()
    return leg


def run_job(work: Work) -> Leg:
    ordered = job.order(work.stream, work.asked)
    with settled(), measured() as cost:
        done = job.run(ordered)
    return Leg(cost, cost.wall, job.clear(done))


def run_floor(work: Work) -> Leg:
    target = work.output / "floor.mp4"
    with settled():
        with measured() as cost:
            send_spans(work.spans, target)
        with measured() as durable:
            sync(target)
    return taken_away(target, cost, durable)


def send_spans(spans: Sequence[tuple[Path, int, int]], target: Path) -> None:
    """Copy with sendfile(2): nothing else, not even a header."""
    output = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        for path, first, length in spans:
            source = os.open(path, os.O_RDONLY)
            try:
                at, end = first, first + length
                while at < end:
                    count = os.sendfile(output, source, at, end - at)
                    if count == 0:
                        raise OSError(f"{path.name} is shorter than its index says")
                    at += count
            finally:
                os.close(source)
    finally:
        os.close(output)


def run_ffmpeg(work: Work) -> Leg:
    target = work.output / "concat.mp4"
    command = concat_command(work.sources, work.asked, work.output / "concat.txt", target)
    with settled():
        with measured() as cost:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        with measured() as durable:
            sync(target)
    return taken_away(target, cost, durable)


def concat_command(
    sources: Sequence[Source], asked: Interval, listing: Path, target: Path
) -> list[str]:
    """Write the list and return what does the same with ffmpeg alone, cuts included."""
    used = touching(sources, asked)
    listing.write_text("".join(f"file '{item.path}'\n" for item in used))
    command = [str(find_ffmpeg()), "-hide_banner", "-loglevel", "error", "-y"]
    if used[0].begin != asked.begin or used[-1].end != asked.end:
        skip = (asked.begin - used[0].begin).total_seconds()
        command += ["-ss", f"{skip:.3f}", "-t", f"{asked.duration.total_seconds():.3f}"]
    command += ["-f", "concat", "-safe", "0", "-i", str(listing)]
    return [*command, "-c", "copy", "-movflags", "+faststart", str(target)]


@contextmanager
def settled() -> Iterator[None]:
    """Keep what others left to the garbage collector out of what is measured."""
    gc.collect()
    yield


def sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def taken_away(target: Path, cost: Cost, durable: Cost) -> Leg:
    leg = Leg(cost, cost.wall + durable.wall, target.stat().st_size)
    target.unlink()
    return leg


LEGS: dict[str, Callable[[Work], Leg]] = {
    "ours": run_ours,
    "job": run_job,
    "floor": run_floor,
    "ffmpeg": run_ffmpeg,
}
