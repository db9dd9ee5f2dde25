"""A round of sending: everything due, several receivers at once, none twice at a time.

Threads do nothing but send; what is written to the database is written by one of them, the caller.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import monotonic

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from vms.webhooks.attempts import Outcome, claim, note
from vms.webhooks.models import Delivery
from vms.webhooks.sending import Limits, NotSent, post
from vms.webhooks.signatures import secret_of, sign
from vms.webhooks.targets import BadUrl, allowed_networks, read_target

SENDERS = 16
# Then the round ends: others who wait for a worker get their turn.
ROUND_SECONDS = 20.0
LOCK = "webhooks.round"
# A round says so often that it lives; one that was killed is missed no longer than this.
LOCK_SECONDS = 15
SIGN_OF_LIFE_SECONDS = 5.0
NOT_MADE = "The server could not make the attempt."

log = structlog.get_logger(__name__)


class RoundLock:
    """Keeps other rounds away, and says who does.

    So a round that was thought dead, and lost it, neither prolongs nor drops that of the next. A
    moment lies between looking and writing: what two rounds at once would cost is a few threads,
    each delivery is taken by one of them.
    """

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)

    def take(self) -> bool:
        return bool(cache.add(LOCK, self.token, LOCK_SECONDS))

    def is_mine(self) -> bool:
        return bool(cache.get(LOCK) == self.token)

    def keep(self) -> bool:
        """Say that the round lives; False when another one has taken its place."""
        return self.is_mine() and bool(cache.touch(LOCK, LOCK_SECONDS))

    def drop(self) -> None:
        if self.is_mine():
            cache.delete(LOCK)


def run_round(keep: Callable[[], bool] = lambda: True) -> int:
    """Send what is due until nothing is, or the time is over; returns how many attempts it made.

    It begins no more once *keep*, which is asked every few seconds, says that it is another's turn.
    """
    begin, attempts, is_ours = monotonic(), 0, True
    running: dict[Future[Outcome], Delivery] = {}
    with ThreadPoolExecutor(SENDERS, thread_name_prefix="webhooks") as pool:
        while True:
            if is_ours and monotonic() - begin < ROUND_SECONDS:
                busy = {delivery.webhook_id for delivery in running.values()}
                for delivery in claim(SENDERS - len(running), busy, timezone.now()):
                    running[pool.submit(attempt, delivery, limits())] = delivery
                    attempts += 1
            if not running:
                return attempts
            finished, _others = wait(running, SIGN_OF_LIFE_SECONDS, FIRST_COMPLETED)
            for future in finished:
                note(running.pop(future), future.result(), timezone.now())
            is_ours = is_ours and keep()


def attempt(delivery: Delivery, limits: Limits) -> Outcome:
    """Send a delivery once; asks the database nothing."""
    webhook, body = delivery.webhook, delivery.body.encode()
    signature = sign(secret_of(webhook.pk), delivery.key, timezone.now(), body)
    headers = {"Content-Type": "application/json", "User-Agent": "VMS-Webhooks", **signature}
    try:
        # Looked at again: what the operator allows may have changed since it was registered.
        status = post(read_target(webhook.url), body, headers, limits)
    except (BadUrl, NotSent) as error:
        return Outcome(error=str(error))
    except Exception:  # what comes of the others in this round is to be written down all the same
        log.exception("an attempt at a webhook failed", webhook=webhook.pk, delivery=delivery.key)
        return Outcome(error=NOT_MADE)
    return Outcome(status, "" if Outcome(status).is_success else explained(status))


def explained(status: int) -> str:
    if status // 100 == 3:  # noqa: PLR2004 - the class of redirects
        return "The receiver redirects; register the address it leads to."
    return f"The receiver answered {status}."


def limits() -> Limits:
    seconds = settings.VMS["VMS_WEBHOOK_TIMEOUT_SECONDS"]
    return Limits(seconds, allowed_networks(), settings.VMS["VMS_WEBHOOK_CA_FILE"])
