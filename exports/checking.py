"""Rows of finished files against the storage, both ways, and what puts them right."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from exports import states, storage
from exports.housekeeping import is_known
from exports.models import ExportJob
from exports.stores.base import StorageAway, Store

BATCH = 500
BLOCK = 2**20


class Trouble(Enum):
    MISSING = "ready, but its file is not there"
    DAMAGED = "ready, but its file has another size or digest"
    UNREADABLE = "ready, but its file cannot be read"
    STRAY = "a file no job knows"


@dataclass(frozen=True)
class Difference:
    """One row or one file that has no right counterpart; a stray has no job."""

    trouble: Trouble
    name: str
    job: UUID | None = None


def check_storage(store: Store, now: datetime, *, is_thorough: bool) -> Iterator[Difference]:
    """Compare ready jobs with finished files; *is_thorough* reads every file for its digest.

    Each difference is looked at again before it is told: exports begin, end and expire meanwhile.

    Raises:
        StorageAway: the storage cannot be asked; nothing is taken for missing.
    """
    if problem := store.problem():
        raise StorageAway(problem)
    sizes = {file.name: file.size for file in store.files()}
    ready = ExportJob.objects.filter(state=ExportJob.State.READY).exclude(file="")
    for job in ready.iterator(BATCH):
        trouble = trouble_of(job, store, sizes, is_thorough=is_thorough)
        if trouble is not None and ready.filter(pk=job.pk, file=job.file).exists():
            yield Difference(trouble, job.file, job.pk)
    for name in store.strays(now - storage.GRACE):
        if not is_known(name):
            yield Difference(Trouble.STRAY, name)


def trouble_of(
    job: ExportJob, store: Store, sizes: dict[str, int], *, is_thorough: bool
) -> Trouble | None:
    if job.file not in sizes:
        # Perhaps it became ready after the files were listed.
        return None if store.exists(job.file) else Trouble.MISSING
    if sizes[job.file] != job.size:
        return Trouble.DAMAGED
    if not is_thorough:
        return None
    try:
        found = digest_of(store, job.file)
    except StorageAway:
        raise
    except OSError:
        return Trouble.UNREADABLE
    return None if found in {job.sha256, None} else Trouble.DAMAGED


def digest_of(store: Store, name: str) -> str | None:
    """Return the SHA-256 of a finished file in hex; None when it expired while it was read."""
    digest = hashlib.sha256()
    try:
        file = store.open(name)
    except FileNotFoundError:
        return None
    try:
        file.start(0, file.size)
        while block := file.read(BLOCK):
            digest.update(block)
    finally:
        file.close()
    return digest.hexdigest()


def fix(difference: Difference, store: Store, now: datetime) -> bool:
    """Make a difference go: rows stop promising what is not there, files nobody knows are removed.

    False for a file that cannot be read: perhaps it can when the operator has seen to the disk.

    Raises:
        OSError: a file could not be removed.
    """
    if difference.trouble is Trouble.UNREADABLE:
        return False
    if difference.job is not None:
        lost = states.lose_file(difference.job, now)
        if lost and difference.trouble is Trouble.DAMAGED:
            store.delete(difference.name)
    elif not is_known(difference.name):
        store.remove_stray(difference.name)
    return True
