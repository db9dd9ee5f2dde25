"""Folders scanned without being asked, in turns: bounded work, one scan of a folder at a time.

Those that are watched, again and again. Our own, where the recorder files what it writes, once
after each start of the recorder: the database may have been restored from a backup since.

Every process may ask at any time. A folder is claimed by one conditional UPDATE; the claim of a
process that was killed lapses.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog
from django.db.models import F, Q
from django.utils import timezone

from cameras.archive.scanner import ScanReport, scan_folder
from cameras.models import ArchiveFolder

# Files are read for so long in one go; the rest waits for the next. The processes that scan have
# other things to do too.
TURN_SECONDS = 20.0
# Longer than a turn and the listing of a large folder on a slow disk.
LEASE = timedelta(minutes=10)

log = structlog.get_logger(__name__)

IS_OWED_A_LOOK = Q(is_own=True) & (Q(scanned_at=None) | ~Q(scan_resumes_after=""))
IN_TURN = Q(is_watched=True) | IS_OWED_A_LOOK


def follow_watched(seconds: float = TURN_SECONDS) -> None:
    """Index what is new in folders whose turn it is, those first whose last turn is longest ago."""
    deadline = time.monotonic() + seconds
    folders = ArchiveFolder.objects.filter(IN_TURN)
    in_turn = folders.order_by(F("scan_lease_until").asc(nulls_first=True), "pk")
    for number, pk in enumerate(in_turn.values_list("pk", flat=True)):
        if number > 0 and time.monotonic() >= deadline:
            return
        try:
            follow(pk, deadline)
        except Exception:
            log.exception("archive folder not scanned", folder=pk)


def look_at_own_again() -> None:
    """Have our own folders scanned once, whatever their rows say of them."""
    ArchiveFolder.objects.filter(is_own=True).update(scanned_at=None)


def follow(pk: int, deadline: float) -> None:
    lease = timezone.now() + LEASE
    if not claim(pk, lease):
        return
    try:
        folder = ArchiveFolder.objects.select_related("stream__camera").get(pk=pk)
        report = scan_folder(folder, full=False, now=timezone.now(), deadline=deadline)
        log_report(pk, report)
    finally:
        held = ArchiveFolder.objects.filter(pk=pk, scan_lease_until=lease)
        held.update(scan_lease_until=timezone.now())


def claim(pk: int, lease: datetime) -> bool:
    """Take the folder until *lease*, unless it is taken or not to be scanned any more."""
    is_free = Q(scan_lease_until=None) | Q(scan_lease_until__lte=timezone.now())
    free = ArchiveFolder.objects.filter(is_free, IN_TURN, pk=pk)
    return free.update(scan_lease_until=lease) == 1


def log_report(pk: int, report: ScanReport) -> None:
    if report.problem:
        log.warning("archive folder not scanned", folder=pk, reason=report.problem)
    if report.indexed or report.changed or report.removed:
        log.info(
            "archive folder scanned",
            folder=pk,
            indexed=report.indexed,
            changed=report.changed,
            removed=report.removed,
            left=report.left,
        )
