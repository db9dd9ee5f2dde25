"""Ordering files: identical orders share one job while it is being made or its file is there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from structlog.contextvars import get_contextvars

from cameras.models import Stream
from cameras.timeline import Interval
from exports import states, turns
from exports.models import ExportJob
from exports.options import Options
from exports.stores.base import StorageAway
from exports.stores.choice import current_store
from exports.terms import Cut, Gaps

log = structlog.get_logger(__name__)

TRIES = 5


def order_job(
    stream: Stream,
    interval: Interval,
    options: Options,
    now: datetime,
    *,
    user_id: int | None = None,
) -> ExportJob:
    """Return the job that makes or made one file, as `order_jobs`."""
    return order_jobs([stream], interval, options, now, user_id=user_id)[stream.pk]


def order_jobs(
    streams: Iterable[Stream],
    interval: Interval,
    options: Options,
    now: datetime,
    *,
    user_id: int | None = None,
) -> dict[int, ExportJob]:
    """Return for each stream, by its id, the job that makes or made its file; new ones are queued.

    They wait in the queues of their streams' nodes, in turn with those of other users; orders of
    nobody (*user_id* None) count as those of one more user.

    Must be called in a transaction: the rows of shared jobs stay locked until its end, so that
    nobody cancels them meanwhile for want of records that need them. They are locked in the order
    of the streams: two orders with some in common do not wait for each other for ever.

    Two orders at the same moment end with the same jobs: the database holds the fingerprint of
    live jobs unique, and the one who comes second takes the first one's. The number of queries
    does not depend on that of the streams, unless files turn out to be gone.
    """
    wanted = {fingerprint_of(stream, interval, options): stream for stream in streams}
    nodes = [stream.node for stream in wanted.values()]
    turns_of = dict(zip(wanted, turns.next_turns(user_id, nodes, interval), strict=True))
    for _ in range(TRIES):
        shared = shared_jobs(wanted, now)
        turns.hurry({job: turns_of[fingerprint] for fingerprint, job in shared.items()})
        missing = [
            new_job(stream, interval, options, fingerprint, now, turns_of[fingerprint], user_id)
            for fingerprint, stream in wanted.items()
            if fingerprint not in shared
        ]
        try:
            made = insert(missing)
        except IntegrityError:
            continue
        found = {**shared, **{job.fingerprint: job for job in made}}
        return {stream.pk: found[fingerprint] for fingerprint, stream in wanted.items()}
    raise IntegrityError("jobs could neither be shared nor made")


def insert(jobs: list[ExportJob]) -> list[ExportJob]:
    """Insert all or none: what else was done in the transaction holds."""
    if not jobs:
        return []
    with transaction.atomic():
        return ExportJob.objects.bulk_create(jobs)


def fingerprint_of(stream: Stream, interval: Interval, options: Options) -> str:
    span = f"{interval.begin.isoformat()}:{interval.end.isoformat()}"
    return f"{stream.pk}:{span}:{options.fingerprint}"


def new_job(
    stream: Stream,
    interval: Interval,
    options: Options,
    fingerprint: str,
    now: datetime,
    turn: float,
    user_id: int | None,
) -> ExportJob:
    return ExportJob(
        stream=stream,
        node=stream.node,
        turn=turn,
        cost=turns.cost(interval),
        user_id=user_id,
        request_id=get_contextvars().get("request_id", ""),
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


def options_of(job: ExportJob) -> Options:
    """Return what the file of *job* is asked to be."""
    return Options(job.container, Cut(job.cut), Gaps(job.gaps), job.transcode)


def shared_jobs(fingerprints: Iterable[str], now: datetime) -> dict[str, ExportJob]:
    """Find live jobs to share, by fingerprint, and lock them."""
    live = (
        ExportJob.objects.select_for_update()
        .filter(
            fingerprint__in=list(fingerprints), state__in=ExportJob.SHARED, cancel_requested=False
        )
        .order_by("stream_id")
    )
    return {job.fingerprint: job for job in live if is_shared(job, now)}


def is_shared(job: ExportJob, now: datetime) -> bool:
    """Say whether a live job is of use; one ready only by the letter is moved out of the way.

    A file with gaps is not shared: what was missing may have been recorded or imported since.
    """
    if job.state != ExportJob.State.READY:
        return True
    is_whole = not (job.coverage or {}).get("gaps")
    is_due = job.expires_at is not None and job.expires_at <= now
    if is_due or job.expires_at is None or not is_there(job):
        states.lose_file(job.pk, now)
        return False
    if is_whole:
        return True
    # Others still have links to the file with gaps: leave it to them, under another fingerprint.
    ExportJob.objects.filter(pk=job.pk).update(fingerprint=f"{job.fingerprint}:{job.pk.hex[:8]}")
    return False


def is_there(job: ExportJob) -> bool:
    """Say whether the file of a ready job exists; while the storage is away it is believed to."""
    try:
        return bool(job.file) and current_store().exists(job.file)
    except StorageAway:
        return True


def drop_file(job_id: UUID, now: datetime) -> None:
    """Expire a ready job now and remove its file once the transaction has committed."""
    job = ExportJob.objects.filter(pk=job_id, state=ExportJob.State.READY).first()
    if job is not None and states.lose_file(job_id, now):
        transaction.on_commit(partial(remove, job.file))


def remove(name: str) -> None:
    """Remove a file nobody has a link to; one that resists is a stray for the next clean-up."""
    try:
        current_store().delete(name)
    except OSError:
        log.exception("a file could not be removed")
