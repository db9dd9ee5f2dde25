"""Telling what came of a soak: tables, and each claim on a line."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tests.soak.sampling import Usage
from tests.soak.verdict import shown, trend

SHOWN_TROUBLES = 15


def show(report) -> None:
    console = Console(width=max(120, Console().width))
    for table in (usage_table(report), counts_table(report), acts_table(report)):
        console.print(table)
    console.print("ends of jobs", dict(report.ends))
    console.print("warnings in the log", dict(report.warnings))
    console.print("webhooks received", report.hooks.total)
    for text in (*report.tally.troubles[:SHOWN_TROUBLES], *report.errors[:SHOWN_TROUBLES]):
        console.print(text, markup=False, style="red")
    bad = [claim for claim in report.claims() if not claim.holds]
    for claim in report.claims():
        style = "green" if claim.holds else "bold red"
        mark = "holds " if claim.holds else "BROKEN"
        console.print(f"{mark} {claim.what}: {claim.found}", style=style, markup=False)
    console.print(f"{len(bad)} claims broken.")


def usage_table(report) -> Table:
    table = Table("part", "", "before", "2nd quarter", "last quarter", "most", "after", "/ h")
    for (part, kind), found in report.series().items():
        before, after = (
            getattr(one.usage.get(part, Usage()), kind) for one in (report.before, report.after)
        )
        values = (before, found.second, found.last, found.most, after, found.per_hour)
        table.add_row(part, kind, *(shown(kind, value) for value in values))
    return table


def counts_table(report) -> Table:
    table = Table("", "before", "2nd quarter", "last quarter", "most", "after")
    for name in report.after.counts:
        found = trend([(one.at, one.counts[name]) for one in report.samples])
        kind = "memory" if name.startswith("bytes") else ""
        values = (
            report.before.counts[name],
            found.second,
            found.last,
            found.most,
            report.after.counts[name],
        )
        table.add_row(name, *(shown(kind, value) for value in values))
    return table


def acts_table(report) -> Table:
    table = Table("act", "answers")
    acts: dict[str, list[str]] = {}
    for (act, outcome), times in sorted(report.tally.answers.items()):
        acts.setdefault(act, []).append(f"{outcome}: {times}")
    for act, outcomes in acts.items():
        table.add_row(act, "  ".join(outcomes))
    return table
