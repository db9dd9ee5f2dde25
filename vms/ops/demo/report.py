"""What the demonstration prints: progress, what was asked and delivered, where to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from cameras.demo.picture import frame_instant
from cameras.models import Camera
from cameras.timeline import Interval
from vms.ops.demo.fetch import Fetched
from vms.ops.demo.frames import Delivered, clock
from vms.ops.demo.stage import Login

SHORT_HASH = 16


@dataclass(frozen=True)
class Checked:
    """One file, all that was found about it, and how long it took to come."""

    camera: str
    fps: int
    asked: Interval
    wanted: range
    record: dict[str, Any]
    fetched: Fetched
    delivered: Delivered
    until_push: timedelta


class Bars:
    """Progress bars by download."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.bars: dict[int, TaskID] = {}

    def add(self, download_id: int, title: str) -> None:
        self.bars[download_id] = self.progress.add_task(title, total=100)

    def show(self, download_id: int, percent: float) -> None:
        if download_id in self.bars:
            self.progress.update(self.bars[download_id], completed=percent)


class Report:
    """Writes to a terminal, or plainly where there is none."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Show that something takes time, and afterwards that it is done."""
        with self.console.status(f"{doing} ..."):
            yield
        self.console.print(f"[green]done[/]  {doing}")

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        columns = (
            TextColumn("      {task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            yield Bars(progress)

    def checked(self, item: Checked) -> None:
        table = Table(
            title=f"{item.camera}: asked and delivered",
            title_justify="left",
            caption=f"All {len(item.wanted)} pictures are the right ones, in order, none twice.",
            caption_justify="left",
        )
        for column in ("", "asked", "delivered"):
            table.add_column(column)
        for row in rows(item):
            table.add_row(*row)
        self.console.print(table)

    def addresses(self, url: str, logins: list[Login], cameras: list[Camera]) -> None:
        lines = [
            f"web page    {url}/",
            f"API docs    {url}/api/docs",
            f"admin       {url}/admin/",
            "",
            *(f"login       {one.login:<10} password  {one.password}" for one in logins),
            *(f"camera {one.pk:<4} {one.name}" for one in cameras),
        ]
        self.console.print(Panel.fit("\n".join(lines), title="Where to go on"))

    def say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)


def rows(item: Checked) -> list[tuple[str, str, str]]:
    """Make the lines of one file's table."""
    shown, record = item.delivered, item.record
    asked_seconds = item.asked.duration.total_seconds()
    return [
        ("first picture", f"on screen at {clock(item.asked.begin)}", spell(item, 0)),
        ("last picture", f"begun before {clock(item.asked.end)}", spell(item, -1)),
        ("pictures", f"{len(item.wanted)}", f"{len(shown.numbers)}"),
        ("duration", f"{asked_seconds:.3f} s", f"{float(shown.duration):.3f} s"),
        ("hidden lead-in", "", f"{shown.hidden} pictures"),
        ("size", f"{record['size']:,} bytes", f"{item.fetched.size:,} bytes"),
        ("SHA-256", record["sha256"][:SHORT_HASH], item.fetched.sha256[:SHORT_HASH]),
        ("resumed", "half-way", f"at byte {item.fetched.resumed_at:,}"),
        ("POST to push", "", f"{item.until_push.total_seconds():.2f} s"),
    ]


def spell(item: Checked, index: int) -> str:
    """Say which picture is at *index*: its burned-in time and number."""
    number = item.delivered.numbers[index]
    if number is None:
        return "unreadable"
    return f"{clock(frame_instant(number, item.fps))}, no. {number}"
