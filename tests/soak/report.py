"""What came of a soak, and the claims that have to hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

from tests.soak.client import Tally
from tests.soak.place import PREVIEW_CACHE_BYTES
from tests.soak.sampling import Sample, Usage, below, files, rows
from tests.soak.verdict import MIB, SHORT_LIVED, SLACK, Claim, Trend, shown, trend

# Longer than anything is kept: a clean-up then has to leave nothing.
MUCH_LATER = timedelta(days=100)
# A cache may go over its cap by what is being added.
CAP_SLACK = 2 * MIB
# Growth is not judged in less.
LEAST_SECONDS = 600.0
KEPT_KEYS = "keys of the broker without an end"
# Each queue and its binding, and what a worker that was given a message notes of it.
FEW_KEYS = 8
ERRORS = {"error", "critical", "exception"}


class Report:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tally = Tally()
        self.samples: list[Sample] = []
        self.before = self.after = Sample(0.0, {})
        self.feeds: list[tuple[int, int]] = []
        self.unended = self.left_processes = 0
        self.hooks = None
        self.exit_code = -1
        self.errors: list[str] = []
        self.warnings: Counter = Counter()
        self.ends: Counter = Counter()
        self.rest: list[Claim] = []

    @property
    def is_good(self) -> bool:
        return all(claim.holds for claim in self.claims())

    @property
    def is_long_enough(self) -> bool:
        """Say whether warming up is over well before the end, so that growth can be told."""
        return self.samples[-1].at - self.samples[0].at > LEAST_SECONDS

    def last_words(self) -> str:
        last = self.samples[-1]
        memory = sum(usage.memory for usage in last.usage.values()) / MIB
        told = "  ".join(
            f"{name.partition(': ')[2]} {last.counts[name]}"
            for name in ("rows: downloads", "rows: jobs: waiting, running", "files: finished")
        )
        return f"{memory:,.0f} MiB  {told}  troubles {len(self.tally.troubles)}"

    # --- looking ---

    def look_at_log(self, text: str) -> None:
        for line in text.splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                told = {"event": line, "level": "error" if "Traceback" in line else "info"}
            if not isinstance(told, dict):
                continue
            level = told.get("level", "info")
            if level in ERRORS or "Traceback" in line:
                self.errors.append(line)
            elif level == "warning":
                self.warnings[str(told.get("event"))[:80]] += 1

    def look_at_rest(self) -> None:
        """See that rows and disk agree, and that nothing is kept for ever; `up` has ended."""
        self.count_ends()
        for command in ("check_storage", "check_archive"):
            run = subprocess.run(
                [sys.executable, "manage.py", command],
                env=os.environ,
                capture_output=True,
                text=True,
                check=False,
            )
            said = (run.stdout + run.stderr).strip().splitlines()
            self.rest.append(Claim(command, said[-1] if said else "", run.returncode == 0))
        self.rest.append(none("temporary files", files(self.folder)["files: temporary"]))
        clean_up_much_later()
        left = {**rows(), **files(self.folder)}
        left["files: recordings"] = sum(
            path.suffix == ".mp4" for path in below(self.folder / "data" / "archive")
        )
        for name in GONE_MUCH_LATER:
            self.rest.append(none(f"much later, {name}", left[name]))

    def count_ends(self) -> None:
        from exports.models import ExportJob

        for state, code in ExportJob.objects.values_list("state", "error_code"):
            self.ends[f"{state}, {code}" if code else state] += 1

    # --- judging ---

    def series(self) -> dict[tuple[str, str], Trend]:
        """Judge each measure of each part that lives throughout."""
        parts = sorted({part for sample in self.samples for part in sample.usage})
        return {
            (part, kind): trend(
                [(one.at, getattr(one.usage.get(part, Usage()), kind)) for one in self.samples]
            )
            for part in parts
            for kind in SLACK
        }

    def claims(self) -> list[Claim]:
        claims = [
            Claim(
                f"{part}: {kind} does not grow",
                f"{shown(kind, found.second)} -> {shown(kind, found.last)}",
                not found.grows(SLACK[kind]),
            )
            for (part, kind), found in self.series().items()
            if part not in SHORT_LIVED and self.is_long_enough
        ]
        counts = self.after.counts
        most = max(sample.counts["bytes: previews"] for sample in self.samples)
        heard = sum(heard for _, heard in self.feeds)
        told = sum(there for there, _ in self.feeds)
        causeless = self.ends["failed"]
        return [
            *claims,
            *(none(f"after the last clean-up, {name}", counts[name]) for name in GONE_SOON),
            Claim(
                "previews stay under their cap",
                shown("memory", most),
                most < PREVIEW_CACHE_BYTES + CAP_SLACK,
            ),
            Claim(
                "keys of the broker that never expire do not grow",
                f"{self.before.counts[KEPT_KEYS]} -> {counts[KEPT_KEYS]}",
                counts[KEPT_KEYS] - self.before.counts[KEPT_KEYS] <= FEW_KEYS,
            ),
            none("orders that did not end", self.unended),
            none("failed without a cause", causeless),
            Claim("every event was heard", f"{heard} of {told}", heard == told > 0),
            none("troubles of clients", len(self.tally.troubles)),
            Claim("`up` ends with 0", str(self.exit_code), self.exit_code == 0),
            none("processes left", self.left_processes),
            none("errors in the log", len(self.errors)),
            *self.rest,
        ]


# What has no purpose any more once the files' time has passed.
GONE_SOON = (
    "files: finished",
    "files: exports being made",
    "files: previews being made",
    "rows: jobs: waiting, running",
    "rows: jobs: ready",
    "rows: events",
    "rows: events unsent",
    "rows: downloads not announced",
    "rows: webhook deliveries waiting",
)
# What is kept for a while longer: pins for ten minutes, recipes for hours, logs for days.
GONE_MUCH_LATER = (
    "files: recipes of links",
    "files: pinned segments",
    "files: sidecars",
    "files: recordings",
    "rows: jobs without a download",
    "rows: webhook deliveries",
    "rows: sessions",
    "rows: segments",
    "rows: PSIM tasks without a download",
)


def clean_up_much_later() -> None:
    """Do what beat has done, as if it was much later."""
    from django.utils import timezone

    from cameras.archive.retention import apply_retention
    from downloads.upkeep import settle_ownerless
    from exports.housekeeping import expire_files, remove_strays
    from exports.psim.services import forget_deleted
    from previews.archive_upkeep import release_links
    from vms.accounts.services import forget_sessions
    from vms.webhooks.attempts import forget_old

    now = timezone.now() + MUCH_LATER
    for task in (settle_ownerless, expire_files, remove_strays, forget_old, forget_deleted):
        task(now)
    apply_retention(now)
    # Some thousand at a time: as often as it takes.
    while forget_sessions(now):
        pass
    release_links(now)
    release_links(now)


def none(what: str, count: int) -> Claim:
    return Claim(what, str(count), count == 0)
