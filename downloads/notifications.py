"""Telling owners how their exports go: typed bodies, and when they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from django.db import transaction

from downloads.models import Download
from downloads.serializers import record
from exports.models import ExportJob
from vms.push.publish import record_event, record_events, send_unstored


class DownloadData(TypedDict):
    download: dict[str, Any]


class ArchiveGenerated(TypedDict):
    """Says that a file is there (`ok`), or why there will be none (`error`)."""

    type: Literal["archive_generated"]
    status: Literal["ok", "error"]
    data: DownloadData


class ProgressData(TypedDict):
    download_id: int
    percent: int


class ArchiveProgress(TypedDict):
    type: Literal["archive_progress"]
    status: Literal["ok"]
    data: ProgressData


def announce(download: Download, now: datetime) -> bool:
    """Tell the owner how the job ended, once; False when that was done or it has not ended.

    The event is written in the transaction that notes it as done, so neither a crash nor two
    workers lose or double it. The link's life begins with the file's.
    """
    job = download.job
    if job.state not in {ExportJob.State.READY, ExportJob.State.FAILED}:
        return False
    with transaction.atomic():
        unannounced = Download.objects.filter(
            pk=download.pk, announced_at=None, cancelled_at=None, job=job
        )
        expires_at = download.expires_at or job.expires_at
        if not unannounced.update(announced_at=now, updated_at=now, expires_at=expires_at):
            return False
        download.refresh_from_db(fields=["announced_at", "updated_at", "expires_at"])
        record_event(
            user_id=download.user_id,
            session_id=download.session_id,
            body=generated(download, now),
            now=now,
        )
    return True


def announce_new(downloads: Sequence[Download], now: datetime) -> None:
    """Tell one owner and session of new records whose files are there; they are noted as told."""
    if downloads:
        first = downloads[0]
        bodies = [generated(download, now) for download in downloads]
        record_events(user_id=first.user_id, session_id=first.session_id, bodies=bodies, now=now)


def generated(download: Download, now: datetime) -> dict[str, Any]:
    """Make the body that says how the job of *download* ended."""
    body: ArchiveGenerated = {
        "type": "archive_generated",
        "status": "ok" if download.job.state == ExportJob.State.READY else "error",
        "data": {"download": record(download, now, download.origin)},
    }
    return dict(body)


def announce_job(job: ExportJob, now: datetime) -> int:
    """Announce to all who wait for *job*; returns how many were told."""
    waiting = Download.objects.filter(job=job, announced_at=None, cancelled_at=None)
    return sum(announce(item, now) for item in waiting.select_related("job").order_by("pk"))


def tell_progress(job: ExportJob, percent: int) -> None:
    """Send the percentage to all who wait for *job*; not kept, the last one is the file itself."""
    waiting = Download.objects.filter(job=job, cancelled_at=None)
    for download_id, user_id, session_id in waiting.values_list("pk", "user_id", "session_id"):
        body: ArchiveProgress = {
            "type": "archive_progress",
            "status": "ok",
            "data": {"download_id": download_id, "percent": percent},
        }
        send_unstored(user_id, session_id, dict(body))
