"""What beat has done for PSIM clients."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from exports.psim import services

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def forget_deleted() -> None:
    """Remove tasks that have said long enough that they were deleted."""
    if forgotten := services.forget_deleted(timezone.now()):
        log.info("deleted PSIM tasks forgotten", tasks=forgotten)
