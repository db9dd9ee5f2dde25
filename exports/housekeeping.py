"""What happens every few minutes: expired files go, lost jobs come back, strays are removed."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings

from exports import states, storage
from exports.models import ExportJob
from exports.stores.base import StorageAway
from exports.stores.choice import current_store

log = structlog.get_logger(__name__)

# Between two attempts at one job.
LONGEST_REST = timedelta(seconds=30)


def expire_files(now: datetime) -> list[UUID]:
    """Expire every ready job whose time has come: row first, file second.

    A file that cannot be removed now is a stray for the next round.
    """
    due = ExportJob.objects.filter(state=ExportJob.State.READY, expires_at__lte=now)
    expired: list[UUID] = []
    store = current_store()
    for job_id, name in due.values_list("pk", "file"):
        if not states.expire(job_id, now):
            continue
        expired.append(job_id)
        try:
            store.delete(name)
        except OSError:
            log.exception("an expired file could not be removed", job=str(job_id))
    return expired


def requeue_lost(now: datetime) -> list[UUID]:
    """Take jobs from silent workers; return those that need a new message in the queue."""
    requeued = states.requeue_lost(
        now, settings.EXPORT_LEASE, settings.VMS["VMS_EXPORT_MAX_ATTEMPTS"]
    )
    for job_id in requeued:
        log.warning("a lost export is queued again", job=str(job_id))
    return requeued


def pull_back_beats(now: datetime) -> int:
    """Have workers that died while their clock was ahead missed within a lease; how many."""
    return states.pull_back_beats(now, settings.EXPORT_LEASE)


def end_long_rests(now: datetime) -> int:
    """Wake jobs that would rest for longer than jobs do; returns how many."""
    return states.end_long_rests(now, LONGEST_REST)


def remove_strays(now: datetime) -> int:
    """Remove files of ours that no job knows; returns how many.

    Each is looked up right before it is removed, so a job that finishes meanwhile keeps its file.
    """
    removed = 0
    store = current_store()
    try:
        strays = store.strays(now - storage.GRACE)
    except StorageAway:
        log.exception("stray files cannot be looked for")
        return 0
    for name in strays:
        if is_known(name):
            continue
        try:
            store.remove_stray(name)
        except OSError:
            log.exception("a stray file could not be removed")
            continue
        removed += 1
    return removed


def is_known(name: str) -> bool:
    """Say whether a file is the one of a ready job, or of the attempt that is running."""
    match = storage.OWN_NAME.fullmatch(name.rpartition("/")[2])
    if match is None:
        return True
    job = ExportJob.objects.filter(pk=UUID(match["job"])).first()
    if job is None:
        return False
    if job.state == ExportJob.State.RUNNING:
        return job.attempt == int(match["attempt"])
    return job.state == ExportJob.State.READY and job.file == name
