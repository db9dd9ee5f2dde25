"""Deleting what our own recorder wrote once it is older than its camera keeps it.

Imported folders are never touched. The row goes first, the file second: nobody is promised a file
that is missing, and what a crash leaves is a stray that the next scan finds and retention deletes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings

from cameras.archive.index import OutsideFolder, absolute_path
from cameras.archive.sidecars import drop_of_deleted_folders, drop_sidecars
from cameras.models import ArchiveFolder, Camera, Segment

BATCH = 500

log = structlog.get_logger(__name__)


@dataclass
class RetentionReport:
    deleted: int = 0
    bytes: int = 0
    failed: int = 0


def apply_retention(now: datetime) -> RetentionReport:
    """Delete every own segment that ended longer ago than its camera keeps footage."""
    report = RetentionReport()
    for folder in ArchiveFolder.objects.filter(is_own=True).select_related("stream__camera"):
        days = days_kept(folder.stream.camera)
        if days == 0:
            continue
        for segment in expired(folder, now - timedelta(days=days)):
            delete(segment, report)
    drop_of_deleted_folders()
    if report.deleted or report.failed:
        log.info(
            "retention applied", deleted=report.deleted, bytes=report.bytes, failed=report.failed
        )
    return report


def days_kept(camera: Camera) -> int:
    """Days the footage of *camera* is kept, 0 for ever."""
    if camera.archive_storage_days is not None:
        return camera.archive_storage_days
    return int(settings.VMS["VMS_ARCHIVE_DAYS"])


def expired(folder: ArchiveFolder, cutoff: datetime) -> Iterator[Segment]:
    """Yield the segments of *folder* that ended before *cutoff*; each has to be deleted then."""
    old = Segment.objects.filter(
        stream_id=folder.stream_id, folder=folder, begin__lt=cutoff, end__lte=cutoff
    )
    while batch := list(old.select_related("folder").order_by("begin")[:BATCH]):
        yield from batch


def delete(segment: Segment, report: RetentionReport) -> None:
    row = Segment.objects.filter(pk=segment.pk)
    row.delete()
    try:
        path = absolute_path(segment)
        path.unlink(missing_ok=True)
    except (OSError, OutsideFolder):
        report.failed += 1
        log.warning("file of a deleted segment left", folder=segment.folder_id, file=segment.path)
        return
    # After the file: who still plans with it would write it anew.
    drop_sidecars([(segment.folder_id, segment.path)])
    report.deleted += 1
    report.bytes += segment.size
    remove_empty(path.parent, Path(segment.folder.path))


def remove_empty(folder: Path, root: Path) -> None:
    """Remove *folder* and those above it as long as they are empty, never *root*."""
    with suppress(OSError):  # not empty: the usual end
        while folder != root and root in folder.parents:
            folder.rmdir()
            folder = folder.parent
