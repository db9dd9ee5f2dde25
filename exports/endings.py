"""Telling of a job's end in the very transaction that ends it.

This app makes files and knows nobody who waits for them; those who do register a witness. So the
row that says how a job ended and the rows that tell of it are there together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from django.db import transaction

log = structlog.get_logger(__name__)


class Witness(Protocol):
    """Hears of each job that has become ready or failed."""

    def hold(self, job_id: UUID) -> None:
        """Lock the rows it will write: all lock those before the job's, so none waits in a ring."""

    def tell(self, job_id: UUID, now: datetime) -> None:
        """Write down who is to be told; what leaves the database goes out on commit."""


witnesses: list[Witness] = []


def register(witness: Witness) -> None:
    """Have *witness* hear of every job's end from now on."""
    witnesses.append(witness)


def settle(job_id: UUID, now: datetime, update: Callable[[], int]) -> bool:
    """End a job by *update* and let all witnesses tell; False when *update* changed no row."""
    with transaction.atomic():
        for witness in witnesses:
            witness.hold(job_id)
        if not update():
            return False
        for witness in witnesses:
            tell(witness, job_id, now)
    return True


def tell(witness: Witness, job_id: UUID, now: datetime) -> None:
    """Let one witness tell; its failure is no reason to lose a finished file, reconciling tells."""
    try:
        with transaction.atomic():
            witness.tell(job_id, now)
    except Exception:
        log.exception("the end of an export was not told", job=str(job_id))
