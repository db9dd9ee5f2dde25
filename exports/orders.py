"""Ordering files: identical orders share one job while it is being made or its file is there."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction

from cameras.models import Stream
from cameras.timeline import Interval
from exports import states, storage
from exports.cutting import Cut
from exports.models import ExportJob
from exports.options import Options
from exports.plan import Gaps

log = structlog.get_logger(__name__)

TRIES = 5


def order_job(stream: Stream, interval: Interval, options: Options, now: datetime) -> ExportJob:
    """Return the job that makes or made this very file; a new one is queued, not yet sent.

    Must be called in a transaction: the row of a shared job stays locked until its end, so that
    nobody cancels it meanwhile for want of records that need it.

    Two orders at the same moment end with the same job: the database holds the fingerprint of
    live jobs unique, and the one who comes second takes the first one's.
    """
    span = f"{interval.begin.isoformat()}:{interval.end.isoformat()}"
    fingerprint = f"{stream.pk}:{span}:{options.fingerprint}"
    for _ in range(TRIES):
        shared = shared_job(fingerprint, now)
        if shared is not None:
            return shared
        try:
            with transaction.atomic():
                return ExportJob.objects.create(
                    stream=stream,
                    begin=interval.begin,
                    end=interval.end,
                    container=options.container,
                    cut=options.cut,
                    gaps=options.gaps,
                    transcode=options.transcode,
                    fingerprint=fingerprint,
                    created_at=now,
                    queued_at=now,
                )
        except IntegrityError:
            continue
    raise IntegrityError("a job could neither be shared nor made")


def options_of(job: ExportJob) -> Options:
    """Return what the file of *job* is asked to be."""
    return Options(job.container, Cut(job.cut), Gaps(job.gaps), job.transcode)


def shared_job(fingerprint: str, now: datetime) -> ExportJob | None:
    """Find a live job to share; one that is ready only by the letter is moved out of the way.

    A file with gaps is not shared: what was missing may have been recorded or imported since.
    """
    job = (
        ExportJob.objects.select_for_update()
        .filter(fingerprint=fingerprint, state__in=ExportJob.SHARED, cancel_requested=False)
        .first()
    )
    if job is None or job.state != ExportJob.State.READY:
        return job
    is_whole = not (job.coverage or {}).get("gaps")
    if is_whole and job.expires_at and job.expires_at > now and is_there(job):
        return job
    if is_whole or (job.expires_at and job.expires_at <= now) or not is_there(job):
        states.lose_file(job.pk, now)
        return None
    # Others still have links to the file with gaps: leave it to them, under another fingerprint.
    ExportJob.objects.filter(pk=job.pk).update(fingerprint=f"{fingerprint}:{job.pk.hex[:8]}")
    return None


def is_there(job: ExportJob) -> bool:
    """Say whether the file of a ready job exists; while the storage is away it is believed to."""
    return bool(job.file) and (storage.path_of(job.file).exists() or not storage.is_present())


def drop_file(job_id: UUID, now: datetime) -> None:
    """Expire a ready job now and remove its file once the transaction has committed."""
    job = ExportJob.objects.filter(pk=job_id, state=ExportJob.State.READY).first()
    if job is not None and states.lose_file(job_id, now):
        transaction.on_commit(partial(remove, job.file))


def remove(name: str) -> None:
    """Remove a file nobody has a link to; one that resists is a stray for the next clean-up."""
    try:
        storage.delete(name)
    except OSError:
        log.exception("a file could not be removed")
