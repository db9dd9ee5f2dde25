"""A measured figure, the bars it is held against, and what is shown and kept of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

MANY = 100


@dataclass(frozen=True)
class Bars:
    """What a figure must reach, and what we want."""

    must: float
    goal: float | None = None


@dataclass
class Figure:
    """One line of the table: *values* of all rounds; bars hold for their median.

    `at_least` turns the bars round: more is better. Figures without bars are told for comparison.
    """

    case: str
    what: str
    unit: str
    values: Sequence[float]
    bars: Bars | None = None
    at_least: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p99(self) -> float | None:
        """The value that one in a hundred exceeds; None for too few values to tell."""
        return statistics.quantiles(self.values, n=100)[-1] if len(self.values) >= MANY else None

    @property
    def verdict(self) -> str:
        if self.bars is None:
            return ""
        if not self.meets(self.bars.must):
            return "missed"
        if self.bars.goal is not None and self.meets(self.bars.goal):
            return "goal met"
        return "met"

    def meets(self, bar: float) -> bool:
        return self.median >= bar if self.at_least else self.median <= bar


COLOURS = {"missed": "bold red", "met": "green", "goal met": "bold green", "": ""}


def show(title: str, figures: Sequence[Figure], console: Console) -> None:
    table = Table("case", "figure", title=title, title_justify="left")
    for heading in ("median", "min", "max", "p99", "must", "goal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for item in figures:
        sign = ">= " if item.at_least else "<= "
        bars = [sign + number(bar) if bar is not None else "" for bar in asked(item)]
        values = [number(value) for value in (item.median, min(item.values), max(item.values))]
        values[0] += f" {item.unit}".rstrip()
        values.append(number(item.p99) if item.p99 is not None else "")
        colour = COLOURS[item.verdict]
        table.add_row(item.case, item.what, *values, *bars, item.verdict, style=colour)
    console.print(table)


def asked(item: Figure) -> tuple[float | None, float | None]:
    return (item.bars.must, item.bars.goal) if item.bars else (None, None)


def number(value: float) -> str:
    """Write three significant digits; large ones whole."""
    return f"{value:,.0f}" if abs(value) >= MANY else f"{value:.3g}"


def kept(item: Figure) -> dict[str, Any]:
    return {
        **asdict(item),
        "values": list(item.values),
        "median": item.median,
        "min": min(item.values),
        "max": max(item.values),
        "p99": item.p99,
        "verdict": item.verdict,
    }


def save(path: Path, machine: dict[str, Any], figures: Sequence[Figure]) -> None:
    content = {"machine": machine, "figures": [kept(item) for item in figures]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
