"""The state of deliveries: which are due, who makes the attempt, and what came of it.

Every change is one conditional UPDATE, so that a worker that was thought lost, and comes back,
undoes nothing. A delivery is never lost with a worker: it is due again when its lease has ended.

Whoever changes a webhook and its deliveries locks the webhook first, so none waits in a ring.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, Q, QuerySet

from vms.webhooks.models import TEST, Delivery, Webhook

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_QUIET = timedelta(minutes=10)
# Beyond the longest attempt that the settings allow.
LEASE = timedelta(seconds=120)
LOG_KEPT = timedelta(days=7)
LOST = "The server was interrupted each time."
DISABLED = "The webhook was disabled."

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What an attempt brought: the status of an answer, or why there was none."""

    status: int | None = None
    error: str = ""

    @property
    def is_success(self) -> bool:
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)

    @property
    def is_gone(self) -> bool:
        return self.status == HTTPStatus.GONE


def due(now: datetime) -> QuerySet[Delivery]:
    """Select what may be sent at *now*; tests are sent to a webhook in any state."""
    webhooks = Webhook.objects.enabled(now).exclude(quiet_until__gt=now)
    tests = Q(type=TEST, webhook__in=Webhook.objects.owned(now))
    pending = Delivery.objects.filter(state=Delivery.State.PENDING, next_attempt_at__lte=now)
    return pending.filter(tests | Q(webhook__in=webhooks))


def is_work_left(now: datetime) -> bool:
    return due(now).exists()


def claim(most: int, busy: Collection[str], now: datetime) -> list[Delivery]:
    """Take the oldest due delivery of up to *most* webhooks that are not *busy*."""
    by_webhook = due(now).exclude(webhook_id__in=busy).order_by().values("webhook_id")
    oldest = by_webhook.annotate(first=Min("pk")).order_by("first").values_list("first", flat=True)
    found = Delivery.objects.filter(pk__in=list(oldest[:most])).select_related("webhook")
    return [delivery for delivery in found.order_by("pk") if take(delivery, now)]


def take(delivery: Delivery, now: datetime) -> bool:
    """Count an attempt and hold the delivery for LEASE; False when it is not to be sent."""
    mine = as_taken(delivery)
    if delivery.attempts >= most_attempts(delivery):
        mine.update(**ended(Delivery.State.FAILED, now), error=LOST)
        return False
    if not mine.update(attempts=F("attempts") + 1, next_attempt_at=now + LEASE):
        return False
    delivery.attempts += 1
    return True


def note(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """Write down what came of the attempt that `claim` gave out."""
    with transaction.atomic():
        webhook = locked(Webhook.objects.filter(pk=delivery.webhook_id)).first()
        if webhook is None:
            return  # it was removed, and its log with it
        as_taken(delivery).update(
            status=outcome.status, error=outcome.error[:200], **next_step(delivery, outcome, now)
        )
        if outcome.is_success:
            note_success(webhook, now, is_test=delivery.is_test)
        elif not delivery.is_test:
            note_failure(webhook, outcome, now)


def next_step(delivery: Delivery, outcome: Outcome, now: datetime) -> dict[str, object]:
    if outcome.is_success:
        return ended(Delivery.State.DELIVERED, now)
    if delivery.attempts >= most_attempts(delivery):
        return ended(Delivery.State.FAILED, now)
    return {"next_attempt_at": now + wait_after(delivery.attempts)}


def as_taken(delivery: Delivery) -> QuerySet[Delivery]:
    """Select a delivery while nobody has ended it or made another attempt."""
    return Delivery.objects.filter(
        pk=delivery.pk, state=Delivery.State.PENDING, attempts=delivery.attempts
    )


def locked(webhooks: QuerySet[Webhook]) -> QuerySet[Webhook]:
    """Lock *webhooks*, in one order; events may be recorded for them meanwhile."""
    return webhooks.order_by("pk").select_for_update(no_key=True, of=("self",))


def ended(state: Delivery.State, now: datetime) -> dict[str, object]:
    return {"state": state, "finished_at": now, "next_attempt_at": None, "body": ""}


def most_attempts(delivery: Delivery) -> int:
    return 1 if delivery.is_test else int(settings.VMS["VMS_WEBHOOK_MAX_ATTEMPTS"])


def wait_after(failures: int, longest: timedelta = LONGEST_WAIT) -> timedelta:
    """Say how long to wait after so many failures: 10 s, 20 s, 40 s ..."""
    return min(FIRST_WAIT * (1 << min(failures - 1, 20)), longest)


def note_success(webhook: Webhook, now: datetime, *, is_test: bool) -> None:
    """Forget the failures of a webhook; one that answers a test is enabled again."""
    one = Webhook.objects.filter(pk=webhook.pk)
    one.update(failures=0, quiet_until=None, delivered_at=now)
    if is_test:
        enable(one)


def note_failure(webhook: Webhook, outcome: Outcome, now: datetime) -> None:
    """Leave a webhook that failed in peace for a while, and for good when it always fails."""
    webhook.failures += 1
    webhook.quiet_until = now + wait_after(webhook.failures, LONGEST_QUIET)
    webhook.save(update_fields=["failures", "quiet_until"])
    one = Webhook.objects.filter(pk=webhook.pk)
    if outcome.is_gone:
        disable(one, "The receiver answered 410: it wants no more.", now)
    elif webhook.failures >= settings.VMS["VMS_WEBHOOK_MAX_FAILURES"]:
        disable(one, f"{webhook.failures} attempts in a row failed.", now)


def disable(webhooks: QuerySet[Webhook], why: str, now: datetime) -> int:
    """Disable those of *webhooks* that are not, and give up what waits for them; how many."""
    with transaction.atomic():
        ids = list(locked(webhooks.filter(disabled_at=None)).values_list("pk", flat=True))
        Webhook.objects.filter(pk__in=ids).update(disabled_at=now, disabled_why=why)
        waiting = Delivery.objects.filter(webhook_id__in=ids, state=Delivery.State.PENDING)
        waiting.exclude(type=TEST).update(**ended(Delivery.State.FAILED, now), error=DISABLED)
    for webhook_id in ids:
        log.warning("webhook disabled", webhook=webhook_id, why=why)
    return len(ids)


def enable(webhooks: QuerySet[Webhook]) -> int:
    """Enable those of *webhooks* that are disabled; events from now on are sent. How many."""
    disabled = webhooks.exclude(disabled_at=None)
    return disabled.update(disabled_at=None, disabled_why="", failures=0, quiet_until=None)


def forget_old(now: datetime) -> int:
    """Delete the lines of the log older than LOG_KEPT; returns how many."""
    deleted, _by_model = Delivery.objects.filter(created_at__lt=now - LOG_KEPT).delete()
    return deleted
