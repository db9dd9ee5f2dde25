"""Which workers there are, by asking them, and whose exports nobody would make."""

from __future__ import annotations

from dataclasses import dataclass

from celery import current_app
from django.db.models import Count

from cameras.models import Stream
from exports import turns
from exports.wakeups import queue_of

# Workers answer at once, also while they work; all are waited for so long.
ASK_SECONDS = 2.0


@dataclass(frozen=True)
class Unserved:
    """A node, or "" for none, whose queue no worker reads; what waits or would wait there."""

    node: str
    jobs: int
    streams: int


def served_queues() -> set[str]:
    """Ask all workers which queues they read.

    Raises:
        OperationalError of kombu: the broker cannot be reached.
    """
    answers = current_app.control.inspect(timeout=ASK_SECONDS).active_queues() or {}
    return {queue["name"] for queues in answers.values() for queue in queues}


def unserved_nodes() -> list[Unserved]:
    """List the nodes with exports that wait, or with streams, but without a worker.

    Raises:
        OperationalError of kombu: the broker cannot be reached. DatabaseError.
    """
    streams = dict(
        Stream.objects.filter(is_enabled=True)
        .order_by()
        .values("node")
        .annotate(count=Count("pk"))
        .values_list("node", "count")
    )
    jobs = dict(
        turns.queued()
        .order_by()
        .values("node")
        .annotate(count=Count("pk"))
        .values_list("node", "count")
    )
    served = served_queues()
    return [
        Unserved(node, jobs.get(node, 0), streams.get(node, 0))
        for node in sorted({*streams, *jobs})
        if queue_of(node) not in served
    ]
