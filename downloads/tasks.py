"""What workers do for downloads. Only ids cross the process boundary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from logging import DEBUG, INFO

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

# A part of a round; returns how much there was to do.
Step = Callable[[], int]


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
    steps: dict[str, Step] = {
        "sent": partial(send_unsent, now),
        "events": partial(prune, now - settings.EXPORT_TTL),
        "sessions": partial(forget_sessions, now),
        "jobs": partial(settle_ownerless, now),
        "expired": lambda: len(housekeeping.expire_files(now)),
        "strays": partial(housekeeping.remove_strays, now),
    }
    done = do_all(steps)
    # A line for each round in which there was nothing to do would bury the others.
    log.log(INFO if any(done.values()) else DEBUG, "cleaned up", **done)


@shared_task(ignore_result=True)
def reconcile() -> None:
    """Put right what a crash left: silent workers, untold owners, unsent events, lost messages."""
    now = timezone.now()
    steps: dict[str, Step] = {
        "beats": partial(housekeeping.pull_back_beats, now),
        "requeued": lambda: len(housekeeping.requeue_lost(now)),
        "rests": partial(housekeeping.end_long_rests, now),
        "told": partial(tell_untold, now),
        "sent": partial(send_unsent, now),
        "moved": move_to_nodes,
        # Some are sent in each round while workers are busy: messages they hold are not seen.
        "woken": wake_missing,
    }
    done = do_all(steps)
    log.log(INFO if any(done.values()) else DEBUG, "reconciled", **done)


def do_all(steps: Mapping[str, Step]) -> dict[str, int]:
    """Do every step, also after one that failed; returns what each counted.

    Raises:
        Exception: the last failure; those before it are its context.
    """
    done: dict[str, int] = {}

    def do(name: str, step: Step) -> None:
        done[name] = step()

    with ExitStack() as stack:
        for name, step in reversed(list(steps.items())):
            stack.callback(do, name, step)
    return done
