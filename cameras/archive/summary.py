"""What the archive commands print of one folder: how the scan went and what is there now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cameras.archive.folders import zone_of
from cameras.archive.index import folder_runs
from cameras.archive.layout import BadLayout
from cameras.archive.listing import Refused
from cameras.archive.scanner import ScanReport
from cameras.models import ArchiveFolder

MOST_NAMED = 100


def summarise(folder: ArchiveFolder, report: ScanReport) -> dict[str, Any]:
    """Make the JSON of one folder. Files are named by their path in it, at most MOST_NAMED."""
    runs = folder_runs(folder)
    skipped = named(report.skipped)
    return {
        "folder_id": folder.pk,
        "camera_id": folder.stream.camera_id,
        "stream_id": folder.stream_id,
        "layout": folder.layout,
        "zone": written_zone(folder),
        "watched": folder.is_watched,
        "problem": report.problem or None,
        "indexed": report.indexed,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "pending": report.pending,
        "other_cameras": report.others,
        "skipped_count": len(report.skipped),
        "skipped_shown": len(skipped),
        "skipped": skipped,
        "damaged": named(report.damaged),
        "begin": written(runs[0].begin) if runs else None,
        "end": written(runs[-1].end) if runs else None,
        "duration": sum((run.duration for run in runs), timedelta()).total_seconds(),
        "gaps": max(len(runs) - 1, 0),
    }


def named(files: list[Refused]) -> list[dict[str, str]]:
    return [{"path": file.path, "reason": file.reason} for file in files[:MOST_NAMED]]


def written_zone(folder: ArchiveFolder) -> str | None:
    try:
        return zone_of(folder)
    except BadLayout:
        return None  # the report's problem says so


def written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
