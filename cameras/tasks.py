"""What beat has done for the archive: watched folders followed, old recordings deleted."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from cameras.archive import retention
from cameras.archive.watching import follow_watched


@shared_task(ignore_result=True)
def scan_watched() -> None:
    """Index what is new in watched folders, for a bounded time; the next run goes on."""
    follow_watched()


@shared_task(ignore_result=True)
def apply_retention() -> None:
    """Delete own recordings that are older than their camera keeps them."""
    retention.apply_retention(timezone.now())
