"""Putting right what crashes and deletions leave: lost messages, untold owners, ownerless jobs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery import current_app
from django.db.models import Min, Q
from kombu.exceptions import OperationalError

from downloads.models import Download
from downloads.notifications import announce
from exports import states
from exports.models import ExportJob

State = ExportJob.State
ENDED = (State.FAILED, State.CANCELLED, State.EXPIRED)

# A job queued so long ago may have lost its message, if none waits; so long ago, it surely has.
MAYBE_LOST = timedelta(seconds=60)
SURELY_LOST = timedelta(minutes=10)
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


def lost_messages(requeued: Iterable[UUID], now: datetime) -> dict[UUID, int]:
    """Return queued jobs that need a message, each with the id of a download that waits for it.

    These are the *requeued* ones, those queued long ago, and, while no message waits in the
    queue, those queued a while ago.

    Raises:
        OperationalError: the broker cannot be reached.
    """
    lost = Q(pk__in=list(requeued)) | Q(queued_at__lt=now - SURELY_LOST)
    maybe = Q(queued_at__lt=now - MAYBE_LOST)
    queued = ExportJob.objects.filter(state=State.QUEUED)
    if queued.filter(maybe).exists() and queue_length("exports") == 0:
        lost |= maybe
    found = queued.filter(lost).annotate(download=Min("downloads"))
    pairs = found.values_list("pk", "download")[:MOST_AT_ONCE]
    return {job_id: download for job_id, download in pairs if download is not None}


def note_sent(job_id: UUID, now: datetime) -> None:
    """Note that a job has a new message, so that it counts as lost no sooner than others."""
    ExportJob.objects.filter(pk=job_id, state=State.QUEUED).update(queued_at=now)


def queue_length(name: str) -> int:
    """Return how many messages wait in a queue; 0 when it does not exist yet.

    Raises:
        OperationalError: the broker cannot be reached; the task fails and beat tries again.
    """
    with current_app.connection_for_read() as connection:
        # Once by hand: asking for the channel would try again and again.
        connection.ensure_connection(max_retries=1, interval_start=0)
        channel: Any = connection.default_channel
        try:
            return int(channel.queue_declare(queue=name, passive=True).message_count)
        except connection.channel_errors:
            return 0
        except connection.connection_errors as error:
            raise OperationalError("the broker cannot be reached") from error


def settle_ownerless(now: datetime) -> int:
    """Cancel jobs no record points at, and delete those that ended a day ago; returns how many."""
    ownerless = ExportJob.objects.filter(downloads=None, created_at__lt=now - NEW)
    active = ownerless.filter(state__in=ExportJob.ACTIVE, cancel_requested=False)
    for job_id in active.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        states.cancel(job_id, now)
    for job_id in ownerless.filter(state=State.READY).values_list("pk", flat=True)[:MOST_AT_ONCE]:
        states.let_go_at(job_id, now)
    return ownerless.filter(state__in=ENDED, created_at__lt=now - OLD).delete()[0]
