"""What workers do for downloads. Only ids cross the process boundary."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from downloads.notifications import announce_job, tell_progress
from downloads.upkeep import settle_ownerless, tell_untold
from exports import housekeeping, stopping
from exports.turns import move_to_nodes
from exports.wakeups import TASK, wake, wake_missing
from vms.accounts.services import forget_sessions
from vms.push.publish import prune, send_unsent

log = structlog.get_logger(__name__)


@shared_task(name=TASK, ignore_result=True)
def make_next(node: str = "") -> None:
    """Make the file of the job whose turn it is, then tell all who wait for it how that ended.

    The message says that there is work at *node*; which, the database says. So however often it is
    delivered, no job is made twice, and without a job to make it does nothing. A worker that stops
    passes the message on, before it begins and with what it hands back.
    """
    # Only a worker makes files: other processes are spared the media libraries.
    from exports.runner import run_next

    job = None if stopping.is_asked() else run_next(node, told=tell_progress)
    if job is not None:
        announce_job(job, timezone.now())
    elif stopping.is_asked():
        wake(node)


@shared_task(ignore_result=True)
def clean_up() -> None:
    """Forget events older than the files, expire files whose time has come, remove what is left."""
    now = timezone.now()
    send_unsent(now)
    events = prune(now - settings.EXPORT_TTL)
    sessions = forget_sessions(now)
    jobs = settle_ownerless(now)
    expired = housekeeping.expire_files(now)
    strays = housekeeping.remove_strays(now)
    log.info(
        "cleaned up",
        expired=len(expired),
        strays=strays,
        events=events,
        jobs=jobs,
        sessions=sessions,
    )


@shared_task(ignore_result=True)
def reconcile() -> None:
    """Put right what a crash left: silent workers, untold owners, unsent events, lost messages."""
    now = timezone.now()
    housekeeping.requeue_lost(now)
    housekeeping.end_long_rests(now)
    tell_untold(now)
    send_unsent(now)
    move_to_nodes()
    if woken := wake_missing():
        log.warning("exports waited without a message", messages=woken)
