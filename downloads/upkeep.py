"""Putting right what crashes and deletions leave: untold owners, ownerless jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from downloads.models import Download
from downloads.notifications import announce
from exports import states
from exports.models import ExportJob

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
    return sum(announce(download, now) for download in waiting)


def settle_ownerless(now: datetime) -> int:
    """Cancel jobs no record points at, and delete those that ended a day ago; returns how many."""
    ownerless = ExportJob.objects.filter(downloads=None, created_at__lt=now - NEW)
    active = ownerless.filter(state__in=ExportJob.ACTIVE, cancel_requested=False)
    for job_id in active.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        states.cancel(job_id, now)
    for job_id in ownerless.filter(state=State.READY).values_list("pk", flat=True)[:MOST_AT_ONCE]:
        states.let_go_at(job_id, now)
    return ownerless.filter(state__in=ENDED, created_at__lt=now - OLD).delete()[0]
