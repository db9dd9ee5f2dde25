"""Making the file of one job: claim, plan, render, verify, publish, finish or fail."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from cameras.timeline import Interval
from exports import housekeeping, states, stopping, storage
from exports.engines.base import Engine
from exports.engines.choice import choose_engine
from exports.engines.hashing import Hasher
from exports.errors import Cancelled, EngineFailed, ExportError, HandedBack, LeaseLost
from exports.lease import Lease, Told
from exports.models import ExportJob
from exports.orders import options_of
from exports.plan import ExportPlan
from exports.planning import plan_export
from exports.room import set_aside
from exports.stores.base import Store
from exports.stores.choice import current_store

log = structlog.get_logger(__name__)

# Shares of the progress bar: reading the archive, making the file; the rest is checking it.
PLANNED, RENDERED, VERIFIED = 5, 90, 95
# A disk that does less than this is taken for one that does not answer.
SLOWEST_BYTES_PER_SECOND = 2_000_000
BROKE_DOWN = "The server broke down while making the file; order it again."


def run_next(node: str, told: Told) -> ExportJob | None:
    """Make the file of the job of *node* whose turn it is; None when there is none.

    *told* hears the progress, at most every half second. Returns the job as it ended: ready,
    failed or cancelled; None also when another worker took it over.
    """
    owner = new_owner()
    return run_claimed(states.claim_next(node, owner, timezone.now()), told)


def run_export(job_id: UUID, told: Told) -> ExportJob | None:
    """Make the file of one queued job, as `run_next`; None when it was not ours to make."""
    return run_claimed(states.claim(job_id, new_owner(), timezone.now()), told)


def new_owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


def run_claimed(job: ExportJob | None, told: Told) -> ExportJob | None:
    """Make attempt after attempt, as long as the job is ours.

    What is logged meanwhile, by whatever module, bears the ids of the job and of the request that
    ordered it: the message that woke us may be of another one. A job that rests before its next
    attempt is left to whoever is free then.
    """
    while job:
        ordered_by = {"request_id": job.request_id} if job.request_id else {}
        with bound_contextvars(job=str(job.pk), **ordered_by):
            has_ended = run_attempt(job, told)
        if has_ended:
            return ExportJob.objects.get(pk=job.pk)
        if stopping.is_asked():
            return None
        job = states.claim(job.pk, job.owner, timezone.now())
    return None


def run_attempt(job: ExportJob, told: Told) -> bool:
    """Make one attempt; False when the job is queued again or belongs to somebody else.

    Whatever goes wrong ends here: a job is never left running by a worker that gave up on it.
    """
    bound = log.bind(attempt=job.attempt)
    try:
        make_file(job, Lease(job, told))
        bound.info("export ready")
    except Cancelled:
        bound.info("export cancelled")
        return states.settle_cancelled(job, timezone.now())
    except HandedBack:
        bound.info("export handed back, the worker stops")
        return settle_handed_back(job)
    except LeaseLost:
        bound.warning("export taken over by another worker")
        return False
    except ExportError as error:
        bound.warning("export attempt failed", code=error.code, reason=error.message)
        return settle_failed(job, error)
    except Exception as error:  # noqa: BLE001 - the last place where a job can still be settled
        bound.exception("export attempt broke down")
        known = storage.failed(error) if isinstance(error, OSError) else EngineFailed(BROKE_DOWN)
        return settle_failed(job, known)
    return True


def settle_handed_back(job: ExportJob) -> bool:
    """Hand the job back for another worker; a wish to cancel goes first."""
    now = timezone.now()
    return states.settle_cancelled(job, now) or (
        not states.hand_back(job, now) and states.settle_cancelled(job, now)
    )


def settle_failed(job: ExportJob, error: ExportError) -> bool:
    """Give the job back for another attempt, or fail it; a wish to cancel goes first."""
    now = timezone.now()
    if states.settle_cancelled(job, now):
        return True
    if error.may_pass and job.tries < settings.VMS["VMS_EXPORT_MAX_ATTEMPTS"]:
        rest = rest_after(job.tries) if error.rests else timedelta(0)
        return not states.give_back(job, now, rest) and states.settle_cancelled(job, now)
    failed = states.fail(job, now, error.code, error.message)
    return failed or states.settle_cancelled(job, now)


def rest_after(tries: int) -> timedelta:
    """Return how long a job rests after so many attempts: 1, 2, 4 .. 30 seconds.

    A disk or a store that refuses at once would see all attempts within a blink otherwise.
    """
    return min(timedelta(seconds=2 ** (min(tries, 10) - 1)), housekeeping.LONGEST_REST)


def make_file(job: ExportJob, lease: Lease) -> None:
    """Plan, render, verify, publish, finish; nothing half-made is left.

    Raises:
        ExportError, Cancelled, LeaseLost, HandedBack: it could not be made, or nobody wants it
            from us, or our worker stops.
    """
    plan, paths = plan_job(job, lease)
    set_aside(job, plan.payload, timezone.now())
    engine = engine_for(plan, job.container)
    plan = engine.prepare(plan, paths.__getitem__, lambda: lease.tick(PLANNED))
    partial = storage.partial_path(storage.stem(job.pk.hex, job.attempt), job.container)

    def on_tick(part: float) -> None:
        storage.require_room(0)
        lease.tick(PLANNED + part * (RENDERED - PLANNED))

    hasher: Hasher | None = None
    try:
        hasher = engine.render(plan, paths.__getitem__, partial, on_tick)
        lease.beside(RENDERED, patience(plan.payload), engine.verify, partial, plan)
        lease.beat(VERIFIED)
        publish(job, lease, partial, plan, engine, hasher)
    finally:
        if hasher is not None:
            hasher.close()
        # Before anything is written about how it ended: the disk may be full of it.
        storage.discard(partial)


def publish(
    job: ExportJob,
    lease: Lease,
    partial: Path,
    plan: ExportPlan,
    engine: Engine,
    hasher: Hasher | None,
) -> None:
    """Bring the file to its place and only then say so in the row.

    When the row cannot say so any more, the file is taken away again. When it is not known whether
    it could (the database went away over it), the file stays: a row that did say ready must not
    promise nothing, and otherwise the file is a stray. Its name holds the attempt, so two attempts
    never share a file.
    """
    store = current_store()
    name = storage.published_name(partial.stem, job.container)
    size = partial.stat().st_size

    def beside(size: int, work: Callable[[], None]) -> None:
        lease.beside(VERIFIED, patience(size), work)

    try:
        sha256 = store.publish(partial, name, beside, lambda path: digest_of(path, hasher, lease))
        finished = states.finish(
            job,
            timezone.now(),
            settings.EXPORT_TTL,
            file=name,
            cut=plan.cut.value,
            size=size,
            duration=plan.duration,
            coverage=coverage(plan),
            warnings=[*plan.warnings, *engine.notes()],
            mode=engine.mode(plan),
            engine=engine.name,
            sha256=sha256,
        )
        if not finished:
            states.refuse(job)
    except (Cancelled, LeaseLost, HandedBack, ExportError):
        withdraw(store, name)
        raise


def withdraw(store: Store, name: str) -> None:
    """Take away a file that no row will name; one that resists is a stray."""
    try:
        store.delete(name)
    except OSError:
        log.warning("a file nobody will ask for could not be removed", name=name)


def patience(size: int) -> float:
    """Return after how many seconds work on *size* bytes is taken to hang."""
    return float(settings.VMS["VMS_EXPORT_STALL_SECONDS"]) + size / SLOWEST_BYTES_PER_SECOND


def plan_job(job: ExportJob, lease: Lease) -> tuple[ExportPlan, dict[int, Path]]:
    """Plan the job's file; returns the plan and where each segment's file is, as `plan_export`."""

    def doing(share: float, size: int, work: Callable[[], None]) -> None:
        lease.beside(PLANNED * share, patience(size), work)

    return plan_export(job.stream, job.interval, options_of(job), doing)


def engine_for(plan: ExportPlan, container: str) -> Engine:
    return choose_engine(
        plan,
        container,
        wanted=settings.VMS["VMS_EXPORT_ENGINE"],
        ffmpeg=settings.VMS["VMS_FFMPEG"],
        stall_seconds=settings.VMS["VMS_EXPORT_STALL_SECONDS"],
    )


def digest_of(path: Path, hasher: Hasher | None, lease: Lease) -> str:
    """Return the SHA-256 of a finished file, which may be in the making already."""
    try:
        if hasher is not None:
            return hasher.finish(lambda: lease.tick(VERIFIED))
        sha256 = ""
        for _, sha256 in storage.digest(path):  # noqa: B007 - the last one is the answer
            lease.tick(VERIFIED)
    except OSError as error:
        raise storage.failed(error) from error
    return sha256


def coverage(plan: ExportPlan) -> dict[str, object]:
    """Say what was asked, what is in the file, and what is missing, for the row and the wire."""
    return {
        "asked": span(plan.asked),
        "delivered": {"from": instant(plan.begin), "to": instant(plan.end)},
        "gaps": [span(gap) for gap in plan.gaps],
    }


def span(interval: Interval) -> dict[str, str]:
    return {"from": instant(interval.begin), "to": instant(interval.end)}


def instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
