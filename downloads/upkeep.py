"""Letting go of jobs, and putting right what crashes leave: untold owners, ownerless jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction

from downloads.models import Download
from downloads.notifications import announce
from exports import states
from exports.models import ExportJob
from exports.orders import drop_file

log = structlog.get_logger(__name__)

State = ExportJob.State
ENDED = (State.FAILED, State.CANCELLED, State.EXPIRED)

# A job has no record for a moment before it gets its first; after a day nobody asks for it.
NEW = timedelta(minutes=1)
OLD = timedelta(days=1)
MOST_AT_ONCE = 1000


def tell_untold(now: datetime) -> int:
    """Announce ended jobs to owners who were not told; returns how many were."""
    untold = Download.objects.filter(
        announced_at=None, cancelled_at=None, job__state__in=(State.READY, State.FAILED)
    )
    waiting = untold.select_related("job").order_by("pk")[:MOST_AT_ONCE]
    return sum(tell(download, now) for download in waiting)


def tell(download: Download, now: datetime) -> bool:
    """Announce to one owner; a record that cannot be told of must not keep others waiting."""
    try:
        return announce(download, now)
    except (OperationalError, InterfaceError):
        raise  # the database is away: it would be for all
    except Exception:
        log.exception("the end of an export was not told", download=download.pk)
        return False


def settle_ownerless(now: datetime) -> int:
    """End jobs no record points at, and delete those that ended a day ago; returns how many."""
    ownerless = ExportJob.objects.filter(downloads=None, created_at__lt=now - NEW)
    live = ownerless.filter(state__in=ExportJob.SHARED, cancel_requested=False)
    for job in live[:MOST_AT_ONCE]:
        # It looks again: somebody may order the same, and share the job, at this moment.
        with transaction.atomic():
            release(job, now)
    return ownerless.filter(state__in=ENDED, created_at__lt=now - OLD).delete()[0]


def release(job: ExportJob, now: datetime) -> None:
    """Let go of what no record needs: a job nobody waits for, a file nobody has a link to.

    The job's row is locked first, so a record that shares it at this moment is seen or waits.
    """
    locked = ExportJob.objects.select_for_update().filter(pk=job.pk).first()
    downloads = Download.objects.filter(job=job)
    if locked is None:
        return  # it had ended, and another clean-up has forgotten it
    if locked.state in ExportJob.ACTIVE and not downloads.in_progress().exists():
        states.cancel(job.pk, now)
    if locked.state == ExportJob.State.READY:
        linked = [item.goes_at for item in downloads.with_file(now).select_related("job")]
        if not linked:
            drop_file(job.pk, now)
        else:
            states.let_go_at(job.pk, max(instant for instant in linked if instant))
