"""Exports by copy: ours, the floor and ffmpeg in turns, round after round."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.cases import WRITTEN_BAR, Case
from bench.figures import Bars, Figure
from bench.footage import interval
from bench.legs import LEGS, Leg, Work, prepare
from bench.meter import MEGABYTE

SMALL = 10 * MEGABYTE

Say = Callable[[str], None]


def measure_case(case: Case, root: Path, rounds: int | None, say: Say) -> list[Figure]:
    """Run a warm-up round and *rounds* that count (the case's own number when None)."""
    sources = case.footage.make(root)
    asked = interval(case.begin, case.seconds)
    work = prepare(case.name, sources, asked, root / "sidecars", root / "output")
    found = take_turns(work, case.rounds if rounds is None else rounds, say)
    return figures_of(case, work, found)


def take_turns(work: Work, rounds: int, say: Say) -> dict[str, list[Leg]]:
    """Run every leg once a round, in an order that is shuffled anew but the same in every run.

    The first round counts for nothing: it warms the page cache, and fresh memory of a virtual
    machine makes first writes several times slower.
    """
    found: dict[str, list[Leg]] = {name: [] for name in LEGS}
    shuffler = random.Random(work.name)
    for turn in range(rounds + 1):
        order = list(LEGS)
        shuffler.shuffle(order)
        say(f"{work.name}: round {turn} of {rounds}" if turn else f"{work.name}: warm-up")
        for name in order:
            leg = LEGS[name](work)
            if turn:
                found[name].append(leg)
    return found


def figures_of(case: Case, work: Work, found: dict[str, list[Leg]]) -> list[Figure]:
    """Compare leg with leg of the same round; ratios are what bars are for, seconds are told."""
    ours, floor, concat = found["ours"], found["floor"], found["ffmpeg"]

    def figure(what: str, unit: str, values: Sequence[float], bars: Bars | None = None) -> Figure:
        return Figure(case.name, what, unit, values, bars)

    # Of a small file the header is a larger part, and the bar is about the media.
    written = WRITTEN_BAR if work.media > SMALL and case.to_floor else None
    walls = {name: [leg.cost.wall for leg in legs] for name, legs in found.items()}
    cpu = {name: [leg.cost.cpu for leg in legs] for name, legs in found.items()}
    durable = {name: [leg.durable for leg in legs] for name, legs in found.items()}
    return [
        figure(
            "ours / floor",
            "x",
            ratios(walls["ours"], walls["floor"]),
            case.to_floor,
        ),
        figure(
            "ours / ffmpeg concat +faststart",
            "x",
            ratios(walls["ours"], walls["ffmpeg"]),
            case.to_ffmpeg,
        ),
        figure("ours / floor, both on the disk", "x", ratios(durable["ours"], durable["floor"])),
        figure("ours / floor, CPU", "x", ratios(cpu["ours"], cpu["floor"])),
        figure(
            "whole job / floor, both on the disk", "x", ratios(durable["job"], durable["floor"])
        ),
        figure("ffmpeg / floor", "x", ratios(walls["ffmpeg"], walls["floor"])),
        figure("written / payload", "x", [leg.cost.written / work.media for leg in ours], written),
        figure("ffmpeg: written / payload", "x", [leg.cost.written / work.media for leg in concat]),
        *(figure(f"{name}, wall", "s", values) for name, values in walls.items()),
        *(figure(f"{name}, CPU", "s", values) for name, values in cpu.items()),
        *stages_of(case, ours),
        figure("payload", "MB", [work.media / MEGABYTE] * len(floor)),
    ]


def stages_of(case: Case, legs: Sequence[Leg]) -> list[Figure]:
    return [
        Figure(case.name, f"ours: {stage}", "s", [leg.stages[stage] for leg in legs])
        for stage in legs[0].stages
    ]


def ratios(values: Sequence[float], others: Sequence[float]) -> list[float]:
    return [value / other for value, other in zip(values, others, strict=True)]
