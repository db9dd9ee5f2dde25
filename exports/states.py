"""Every change of a job's state. Each is one conditional UPDATE whose row count is the answer.

The diagram and the numbered procedures are in `docs/design/jobs.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from exports.endings import settle
from exports.errors import Cancelled, LeaseLost
from exports.models import ExportJob

State = ExportJob.State


def claim_next(node: str, owner: str, now: datetime) -> ExportJob | None:
    """Move the job of *node* whose turn it is from queued to running; None when none waits.

    Workers at once take different jobs: PostgreSQL steps over rows that others look at, SQLite
    lets one in after the other. A row that somebody else holds for another reason (an order that
    shares it) is waited for, when it is the only one.
    """
    waiting = rested(now).filter(node=node)
    for skips in (True, False):
        with transaction.atomic():
            free = waiting.select_for_update(skip_locked=skips).order_by("turn", "created_at")
            job_id = free.values_list("pk", flat=True).first()
            if job_id is not None and (job := claim(job_id, owner, now)):
                return job
    return None


def claim(job_id: UUID, owner: str, now: datetime) -> ExportJob | None:
    """Move a job from queued to running; None when another got there first, or it rests.

    Its turn becomes where the queue is by now: one that comes back after a while has an old turn,
    and who orders next would be counted from there, before all who wait.
    """
    here = ExportJob.objects.filter(node=OuterRef("node"), started_at__isnull=False)
    started_last = here.order_by("-started_at").values("turn")[:1]
    won = (
        rested(now)
        .filter(pk=job_id)
        .update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            turn=Greatest(F("turn"), Coalesce(Subquery(started_last), F("turn"))),
            owner=owner,
            heartbeat_at=now,
            started_at=now,
            progress=0,
            reserved=0,
            rests_until=None,
        )
    )
    return ExportJob.objects.select_related("stream").get(pk=job_id) if won else None


def rested(now: datetime) -> QuerySet[ExportJob]:
    """Select the jobs that a worker may take."""
    return ExportJob.objects.filter(
        Q(rests_until=None) | Q(rests_until__lte=now), state=State.QUEUED, cancel_requested=False
    )


def held(job: ExportJob) -> QuerySet[ExportJob]:
    """Select the job while this attempt of it is the one that runs."""
    return ExportJob.objects.filter(
        pk=job.pk, state=State.RUNNING, owner=job.owner, attempt=job.attempt
    )


def beat(job: ExportJob, progress: int, now: datetime) -> None:
    """Say that the worker lives and how far it is.

    Raises:
        Cancelled: the owner does not want the file any more.
        LeaseLost: the job was given to another worker.
    """
    if not held(job).filter(cancel_requested=False).update(heartbeat_at=now, progress=progress):
        refuse(job)


def reserve(job: ExportJob, size: int) -> bool:
    """Note how many bytes the attempt will take; False when the lease or the wish is gone."""
    return bool(held(job).filter(cancel_requested=False).update(reserved=size))


def refuse(job: ExportJob) -> NoReturn:
    """Say why an attempt may not go on.

    Raises:
        Cancelled, LeaseLost: nobody wants the file, or not from us.
    """
    if held(job).exists():
        raise Cancelled
    raise LeaseLost


def finish(job: ExportJob, now: datetime, ttl: timedelta, **result: Any) -> bool:
    """Move from running to ready with its result; False when the lease or the wish is gone."""
    update = partial(
        held(job).filter(cancel_requested=False).update,
        state=State.READY,
        progress=100,
        finished_at=now,
        expires_at=now + ttl,
        error_code="",
        error_message="",
        **result,
    )
    return settle(job.pk, now, update)


def fail(job: ExportJob, now: datetime, code: str, message: str) -> bool:
    """Move from running to failed, saying why; False when the lease or the wish is gone."""
    update = partial(
        held(job).filter(cancel_requested=False).update,
        state=State.FAILED,
        finished_at=now,
        error_code=code,
        error_message=message[:500],
    )
    return settle(job.pk, now, update)


def give_back(job: ExportJob, now: datetime, rest: timedelta = timedelta(0)) -> bool:
    """Move from running to queued, for another attempt after *rest*.

    False when it was cancelled meanwhile, or is not ours any more.
    """
    return queue_again(job, now, rests_until=now + rest)


def hand_back(job: ExportJob, now: datetime) -> bool:
    """Move from running to queued because the worker stops: the attempt does not count.

    False as with `give_back`.
    """
    return queue_again(job, now, handed_back=F("handed_back") + 1)


def queue_again(job: ExportJob, now: datetime, **also: Any) -> bool:
    wanted = held(job).filter(cancel_requested=False)
    return bool(
        wanted.update(state=State.QUEUED, queued_at=now, owner="", heartbeat_at=None, **also)
    )


def end_long_rests(now: datetime, longest: timedelta) -> int:
    """Let no queued job rest for longer than any rest is, a clock was set back; return how many."""
    queued = ExportJob.objects.filter(state=State.QUEUED, rests_until__gt=now + longest)
    return queued.update(rests_until=None)


def settle_cancelled(job: ExportJob, now: datetime) -> bool:
    """Move from running to cancelled, once the worker has stopped."""
    return bool(
        held(job).filter(cancel_requested=True).update(state=State.CANCELLED, finished_at=now)
    )


def cancel(job_id: UUID, now: datetime) -> bool:
    """Cancel a queued job, or ask the worker of a running one to stop; False when it has ended."""
    queued = ExportJob.objects.filter(pk=job_id, state=State.QUEUED)
    if queued.update(state=State.CANCELLED, finished_at=now, cancel_requested=True):
        return True
    running = ExportJob.objects.filter(pk=job_id, state=State.RUNNING)
    return bool(running.update(cancel_requested=True))


def expire(job_id: UUID, now: datetime) -> bool:
    """Move from ready to expired when its time has come; only then may its file be removed."""
    return bool(
        ExportJob.objects.filter(pk=job_id, state=State.READY, expires_at__lte=now).update(
            state=State.EXPIRED
        )
    )


def keep_until(job_id: UUID, instant: datetime) -> bool:
    """Keep the file of a ready job at least until *instant*; False when it is ready no more."""
    # Written even where it is kept for longer already: nobody may set a shorter time meanwhile.
    ready = ExportJob.objects.filter(pk=job_id, state=State.READY)
    return bool(ready.update(expires_at=Greatest(Coalesce("expires_at", instant), instant)))


def keep_locked_until(jobs: Iterable[ExportJob], instant: datetime) -> None:
    """Keep the files of ready jobs, whose rows the caller has locked, at least until *instant*."""
    due = [job for job in jobs if job.expires_at is None or job.expires_at < instant]
    ExportJob.objects.filter(pk__in=[job.pk for job in due]).update(expires_at=instant)
    for job in due:
        job.expires_at = instant


def let_go_at(job_id: UUID, instant: datetime) -> bool:
    """Set when a ready file goes, also to an earlier time: nobody else has a link to it."""
    ready = ExportJob.objects.filter(pk=job_id, state=State.READY)
    return bool(ready.update(expires_at=instant))


def lose_file(job_id: UUID, now: datetime) -> bool:
    """Move from ready to expired before its time, because its file is not there any more."""
    ready = ExportJob.objects.filter(pk=job_id, state=State.READY)
    return bool(ready.update(state=State.EXPIRED, expires_at=now))


def pull_back_beats(now: datetime, lease: timedelta) -> int:
    """Let no heartbeat lie ahead of *now* by more than a lease, a clock was; return how many did.

    A worker that lives writes its own again; one that died by then is missed a lease from now.
    """
    ahead = ExportJob.objects.filter(state=State.RUNNING, heartbeat_at__gt=now + lease)
    return ahead.update(heartbeat_at=now)


def requeue_lost(now: datetime, lease: timedelta, max_attempts: int) -> list[UUID]:
    """Take running jobs from workers that fell silent; return those to be queued again.

    A job that was cancelled meanwhile is settled, one that used up its attempts fails.
    """
    requeued: list[UUID] = []
    silent = ExportJob.objects.filter(state=State.RUNNING, heartbeat_at__lt=now - lease)
    for job in silent:
        # Only if it is still silent: a late heartbeat wins.
        still = held(job).filter(heartbeat_at=job.heartbeat_at)
        if still.filter(cancel_requested=True).update(state=State.CANCELLED, finished_at=now):
            continue
        wanted = still.filter(cancel_requested=False)
        if job.tries >= max_attempts:
            update = partial(
                wanted.update,
                state=State.FAILED,
                finished_at=now,
                error_code="worker_lost",
                error_message="The server broke down while making the file; order it again.",
            )
            settle(job.pk, now, update)
        elif wanted.update(state=State.QUEUED, queued_at=now, owner="", heartbeat_at=None):
            requeued.append(job.pk)
    return requeued
