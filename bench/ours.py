"""The only module here that calls the engine: what a worker does for a job, part by part.

It follows `exports.runner.make_file` and goes by the same functions; a list of sources takes the
place of the query, which `bench.rows` measures.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.footage import Source, touching
from bench.meter import Stages
from cameras.timeline import Interval
from exports import runner, storage
from exports.cutting import SegmentMedia
from exports.engines.splice import can_splice, splice
from exports.engines.spliced import Range
from exports.plan import ExportPlan, make_plan
from vms.media.collecting import rarely_collected
from vms.media.kept import read_and_keep, read_with_sidecar
from vms.media.segment import read_segment


@dataclass(frozen=True)
class Made:
    """A finished file; `media` counts the bytes of its packets."""

    path: Path
    media: int
    sha256: str


def index(path: Path) -> int:
    """Read one closed segment from its boxes; returns its number of pictures."""
    return read_segment(path).video.summary.count


def sidecar_of(source: Source, cache: Path) -> Path:
    return cache.joinpath(*source.path.parts[-3:]).with_suffix(".idx")


def write_sidecar(source: Source, cache: Path) -> None:
    """Index *source* anew as the scanner does when a segment is closed."""
    read_and_keep(source.path, sidecar_of(source, cache))


def write_sidecars(sources: Sequence[Source], cache: Path) -> None:
    """See that all *sources* have sidecars."""
    for source in sources:
        read_with_sidecar(source.path, sidecar_of(source, cache))


@rarely_collected()
def plan_job(sources: Sequence[Source], asked: Interval, cache: Path) -> ExportPlan:
    segments = [
        SegmentMedia(item.id, item.begin, read_with_sidecar(item.path, sidecar_of(item, cache)))
        for item in touching(sources, asked)
    ]
    return make_plan(asked, segments)


def make_header(plan: ExportPlan) -> bytes:
    return splice(plan).header


def make_file(
    sources: Sequence[Source], asked: Interval, cache: Path, name: str, stages: Stages
) -> Made:
    """Plan, render with the digest, verify; then `publish` makes it durable and names it."""
    paths = {item.id: item.path for item in sources}
    with stages("plan"):
        plan = plan_job(sources, asked, cache)
    engine = runner.engine_for(plan, "mp4")
    plan = engine.prepare(plan, paths.__getitem__, lambda: None)
    partial = storage.partial_path(name, "mp4")
    with stages("render"):
        hasher = engine.render(plan, paths.__getitem__, partial, lambda _part: None)
    with stages("verify"):
        engine.verify(partial, plan)
    with stages("digest"):
        if hasher is not None:
            sha256 = hasher.finish(lambda: None)
        else:
            *_blocks, (_size, sha256) = storage.digest(partial)
    return Made(partial, plan.payload, sha256)


def publish(made: Made) -> Path:
    return storage.path_of(storage.publish(made.path, made.path.stem))


def make_hollow_file(sources: Sequence[Source], asked: Interval, cache: Path, name: str) -> Path:
    """Plan, write the header in front of a hole as long as the media, verify.

    All that grows with the length of a job, without the disk that a whole day needs.
    """
    plan = plan_job(sources, asked, cache)
    engine = runner.engine_for(plan, "mp4")
    partial = storage.partial_path(name, "mp4")
    write_hollow(plan, partial)
    engine.verify(partial, plan)
    return partial


def write_hollow(plan: ExportPlan, target: Path) -> None:
    """Write the header alone; like the engine, hold nothing of it when done."""
    spliced = splice(plan)
    target.write_bytes(spliced.header)
    os.truncate(target, spliced.size)


def spans(plan: ExportPlan) -> list[tuple[int, int, int]]:
    """List (segment, first byte, bytes) of what *plan* takes, one span a segment, for the floor.

    As many bytes as the plan has, in as few system calls as can be: holes between them are not
    left out.
    """
    if not can_splice(plan):
        return [(part.segment.id, 0, part.payload) for part in plan.slices]
    found: dict[int, list[int]] = {}
    for part in splice(plan).ranges:
        if isinstance(part, Range):
            span = found.setdefault(part.segment, [part.offset, 0])
            span[1] += part.length
    return [(segment, first, length) for segment, (first, length) in found.items()]
