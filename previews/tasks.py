"""What runs by the clock for links."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from previews import archive_upkeep


@shared_task
def release_links() -> int:
    """Let go of segments and recipes of links that nobody follows any more."""
    return archive_upkeep.release_links(timezone.now())
