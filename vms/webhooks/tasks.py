"""What workers do for webhooks."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from vms.webhooks.attempts import forget_old, is_work_left
from vms.webhooks.rounds import RoundLock, run_round

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def send_due() -> None:
    """Send what is due. One round at a time: slow receivers must not take every worker.

    Queued for each event and by beat; whoever finds a round running leaves the work to it, and
    the round looks once more when it has let go.
    """
    lock = RoundLock()
    if not lock.take():
        return
    try:
        sent = run_round(lock.keep)
    finally:
        lock.drop()
    if sent:
        log.info("webhooks sent", attempts=sent)
    if is_work_left(timezone.now()):
        send_due.delay()


@shared_task(ignore_result=True)
def forget_deliveries() -> None:
    """Remove the oldest lines of the log."""
    if forgotten := forget_old(timezone.now()):
        log.info("webhook deliveries forgotten", deliveries=forgotten)
