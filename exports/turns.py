"""Whose job is made next: nobody's many jobs hold up somebody's one.

Start-time fair queueing. Each job gets a number, its turn, when it is ordered, and workers take the
least one. The turns of one user's jobs follow one another, by what each costs; the first is counted
from where the queue is. So users with jobs take turns, however many jobs each has, and among jobs
that came at the same time short ones go first. A long one is never overtaken for ever: its number
stays, and everybody's new ones grow. Design: `docs/design/jobs.md`, "Fair order".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from cameras.timeline import Interval
from exports.models import ExportJob
from exports.states import rested

State = ExportJob.State

# What any file costs is 1; so much footage costs as much again.
FOOTAGE_OF_ONE = timedelta(minutes=10)


def cost(interval: Interval) -> float:
    """Return how far a file of *interval* moves its user's next one back."""
    return 1 + interval.duration / FOOTAGE_OF_ONE


def next_turns(user_id: int | None, nodes: Sequence[str], interval: Interval) -> list[float]:
    """Return a turn for each of one user's new jobs, given the node of each; three queries."""
    ends = begins(user_id, set(nodes))
    turns = []
    for node in nodes:
        ends[node] += cost(interval)
        turns.append(ends[node])
    return turns


def begins(user_id: int | None, nodes: Iterable[str]) -> dict[str, float]:
    """Return from where a user's next job counts in the queue of each of *nodes*.

    That is behind the user's last one, and not before where the queue is: at the job that started
    last, or with no trace of one where the first that waits begins.
    """
    found = dict.fromkeys(nodes, 0.0)
    ends = (
        queued()
        .filter(node__in=found)
        .order_by()
        .values("node")
        .annotate(first=Min(F("turn") - F("cost")), own=Max("turn", filter=Q(user_id=user_id)))
    )
    for row in ends:
        found[row["node"]] = max(row["first"], row["own"] or 0.0)
    for node, turn in started_last(found):
        found[node] = max(found[node], turn)
    return found


def started_last(nodes: Iterable[str]) -> Iterable[tuple[str, float]]:
    """Find node and turn of the job of each node that a worker took last."""
    started = ExportJob.objects.filter(node__in=nodes, started_at__isnull=False).order_by()
    latest = Q(pk=None)
    for row in started.values("node").annotate(at=Max("started_at")):
        latest |= Q(node=row["node"], started_at=row["at"])
    return started.filter(latest).values_list("node", "turn")


def hurry(turns: Mapping[ExportJob, float]) -> None:
    """Move queued jobs, whose rows the caller has locked, forward for somebody who shares them."""
    sooner = [job for job, turn in turns.items() if job.state == State.QUEUED and turn < job.turn]
    for job in sooner:
        job.turn = turns[job]
    if sooner:
        ExportJob.objects.bulk_update(sooner, ["turn"])


def queued() -> QuerySet[ExportJob]:
    """Select the jobs that wait for a worker, of all nodes."""
    return ExportJob.objects.filter(state=State.QUEUED, cancel_requested=False)


def waiting() -> dict[str, int]:
    """Count the jobs that a worker could take now, by node; nodes without any are left out."""
    counted = rested(timezone.now()).order_by().values("node").annotate(jobs=Count("pk"))
    return {row["node"]: row["jobs"] for row in counted}


def tell_positions(jobs: Iterable[ExportJob]) -> None:
    """Set `position` of the queued ones of *jobs*: 1 is made next. One query, none if none is."""
    waits = [job for job in jobs if job.state == State.QUEUED]
    if not waits:
        return
    ahead = (
        queued()
        .filter(node=OuterRef("node"))
        .filter(
            Q(turn__lt=OuterRef("turn"))
            | Q(turn=OuterRef("turn"), created_at__lte=OuterRef("created_at"))
        )
        .order_by()
        .values("node")
        .annotate(jobs=Count("pk"))
        .values("jobs")
    )
    found = queued().filter(pk__in={job.pk for job in waits}).annotate(place=Subquery(ahead))
    places = dict(found.order_by().values_list("pk", "place"))
    for job in waits:
        job.position = places.get(job.pk)


def move_to_nodes() -> int:
    """Bring queued jobs to where their streams' archives are by now; returns how many moved."""
    node = Subquery(ExportJob.objects.filter(pk=OuterRef("pk")).values("stream__node")[:1])
    astray = queued().filter(stream__isnull=False).exclude(node=F("stream__node"))
    with transaction.atomic():
        # In the order in which orders lock the jobs they share: nobody waits in a ring.
        locked = astray.select_for_update(of=("self",)).order_by("stream_id", "pk")
        moved = ExportJob.objects.filter(pk__in=list(locked.values_list("pk", flat=True)))
        return moved.filter(state=State.QUEUED).update(node=node)
