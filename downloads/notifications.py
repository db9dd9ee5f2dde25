"""Telling owners how their exports go: typed bodies, and when they are sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypedDict
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from downloads.models import Download
from downloads.serializers import record
from exports.models import ExportJob
from vms.push.publish import record_event, record_events, send_unstored

# How long a broker may take over what is not worth waiting for, and rest when it took longer.
PROGRESS_SECONDS = 0.5
HUSH_SECONDS = 10.0

log = structlog.get_logger(__name__)


class DownloadData(TypedDict):
    download: dict[str, Any]


class ArchiveGenerated(TypedDict):
    """Says that a file is there (`ok`), or why there will be none (`error`)."""

    type: Literal["archive_generated"]
    status: Literal["ok", "error"]
    data: DownloadData


class DeletedData(TypedDict):
    download_id: int


class ProgressData(TypedDict):
    download_id: int
    percent: int


class ArchiveDeleted(TypedDict):
    """Says that the record is gone, and its file with the last record that had it."""

    type: Literal["archive_deleted"]
    status: Literal["ok"]
    data: DeletedData


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
        said = partial(
            log.info, "owner told", download=download.pk, job=str(job.pk), state=job.state
        )
        transaction.on_commit(said, robust=True)
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
    """Announce to all who wait for *job*; returns how many were told.

    User by user, as `record_events` asks of a transaction that tells several.
    """
    waiting = waiting_for(job.pk).select_related("job").order_by("user_id", "pk")
    return sum(announce(item, now) for item in waiting)


def waiting_for(job_id: UUID) -> QuerySet[Download]:
    return Download.objects.filter(job=job_id, announced_at=None, cancelled_at=None)


class Owners:
    """Those who wait for a job, told in the transaction that ends it."""

    def hold(self, job_id: UUID) -> None:
        list(waiting_for(job_id).select_for_update().order_by("pk").values_list("pk"))

    def tell(self, job_id: UUID, now: datetime) -> None:
        job = ExportJob.objects.get(pk=job_id)
        if job.state == ExportJob.State.READY:
            transaction.on_commit(partial(tell_progress, job, 100), robust=True)
        announce_job(job, now)


def announce_deleted(download: Download, download_id: int, now: datetime) -> None:
    """Tell the owner that a record is deleted; called in the transaction that did it."""
    body: ArchiveDeleted = {
        "type": "archive_deleted",
        "status": "ok",
        "data": {"download_id": download_id},
    }
    record_event(user_id=download.user_id, session_id=download.session_id, body=dict(body), now=now)


class Hush:
    """Until when progress is kept to ourselves, because the broker was away; a monotonic time."""

    until = 0.0


def tell_progress(job: ExportJob, percent: int) -> None:
    """Send the percentage to all who wait for *job*; not kept, the last one is the file itself.

    A broker that is away must not hold up the work: it is then left alone for a while.
    """
    if time.monotonic() < Hush.until:
        return
    waiting = Download.objects.filter(job=job, cancelled_at=None)
    for download_id, user_id, session_id in waiting.values_list("pk", "user_id", "session_id"):
        body: ArchiveProgress = {
            "type": "archive_progress",
            "status": "ok",
            "data": {"download_id": download_id, "percent": percent},
        }
        if not send_unstored(user_id, session_id, dict(body), PROGRESS_SECONDS):
            Hush.until = time.monotonic() + HUSH_SECONDS
            return
