"""Room for files: what is free, what running attempts will still take, what the quota leaves.

Each attempt sets aside what its file will take before it begins, so several at once do not all
count on the same room. When it is short, files whose time has come go first.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum

from exports import housekeeping, states, storage
from exports.errors import NoRoom, TooLarge
from exports.models import ExportJob
from exports.terms import megabytes

State = ExportJob.State


def set_aside(job: ExportJob, size: int, now: datetime) -> None:
    """Set *size* bytes aside for the attempt that runs; makes room when there is too little.

    Raises:
        NoRoom: there is none even so. TooLarge: nor would there be with nothing else stored.
        StorageFailed: the storage folder cannot be asked.
        Cancelled, LeaseLost: the attempt may not go on.
    """
    refuse_too_large(size)
    if try_to_set_aside(job, size):
        return
    housekeeping.expire_files(now)
    housekeeping.remove_strays(now)
    if not try_to_set_aside(job, size):
        raise NoRoom(short_of(size, available(job)))


def try_to_set_aside(job: ExportJob, size: int) -> bool:
    """Set *size* bytes aside if they are there; one attempt at a time looks and sets.

    Raises:
        Cancelled, LeaseLost: the attempt may not go on.
    """
    written = storage.partial_sizes()
    free = storage.free_room()
    with transaction.atomic():
        # In the order in which orders lock the jobs they share: nobody waits in a ring.
        running = ExportJob.objects.select_for_update().filter(state=State.RUNNING)
        others = [one for one in running.order_by("stream_id", "pk") if one.pk != job.pk]
        if size > left_by(others, free, written):
            return False
        if not states.reserve(job, size):
            states.refuse(job)
    return True


def available(job: ExportJob | None = None) -> int:
    """Count the bytes a new file, or the one of *job*, may take.

    Files whose time has come count as gone: they go when the room is needed.

    Raises:
        StorageFailed: the storage folder cannot be asked.
    """
    others = ExportJob.objects.filter(state=State.RUNNING)
    if job is not None:
        others = others.exclude(pk=job.pk)
    return max(0, left_by(list(others), storage.free_room(), storage.partial_sizes()))


def available_soon(now: datetime) -> int:
    """Count what `available` does, and the bytes of files whose time has come."""
    due = ExportJob.objects.filter(state=State.READY, expires_at__lte=now)
    return available() + total_size(due)


def left_by(others: list[ExportJob], free: int, written: dict[str, int]) -> int:
    """Count what is left when *others* have written all they set aside.

    *written* holds the bytes of each half-made file by its stem: they are taken already.
    """
    promised = sum(
        max(0, other.reserved - written.get(storage.stem(other.pk.hex, other.attempt), 0))
        for other in others
    )
    left = free - promised
    quota = settings.VMS["VMS_STORAGE_QUOTA_BYTES"]
    if quota:
        finished = total_size(ExportJob.objects.filter(state=State.READY))
        left = min(left, quota - finished - sum(written.values()) - promised)
    return left


def total_size(jobs: QuerySet[ExportJob]) -> int:
    return jobs.aggregate(total=Sum("size"))["total"] or 0


def refuse_too_large(size: int) -> None:
    """See that a file fits into the quota at all.

    Raises:
        TooLarge: waiting for room would be in vain.
    """
    quota = settings.VMS["VMS_STORAGE_QUOTA_BYTES"]
    if quota and size > quota:
        raise TooLarge(
            f"The file would have about {megabytes(size)} MB, more than the {megabytes(quota)} MB "
            "this server keeps in all; choose a shorter interval."
        )


def short_of(size: int, left: int) -> str:
    """Say that there is no room for a file, and how much there is."""
    return (
        f"The file would have about {megabytes(size)} MB and the server has room for "
        f"{megabytes(left)} MB; try again later or choose a shorter interval."
    )
