"""From events to deliveries: a row for each webhook that is to hear of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from vms.push.messages import wire_body
from vms.push.models import Event
from vms.webhooks.models import TEST, Delivery, Webhook
from vms.webhooks.tasks import send_due

log = structlog.get_logger(__name__)


def record_deliveries(events: Sequence[Event]) -> None:
    """Note that the webhooks of the user of *events* are to hear of them; a subscriber of push.

    May be called again with events it has had: a webhook gets each once.
    """
    now = timezone.now()
    webhooks = list(Webhook.objects.enabled(now).filter(user_id=events[0].user_id))
    if not webhooks:
        return
    bodies = {event.pk: written(wire_body(event.body, event.number)) for event in events}
    Delivery.objects.bulk_create(
        [
            Delivery(
                webhook=webhook,
                event_id=event.pk,
                type=str(event.body.get("type", ""))[:64],
                body=bodies[event.pk],
                created_at=now,
                next_attempt_at=now,
            )
            for event in events
            for webhook in webhooks
            if webhook.created_at <= event.created_at
        ],
        ignore_conflicts=True,
    )
    transaction.on_commit(send_soon)


def record_test(webhook: Webhook) -> Delivery:
    """Have a test sent to *webhook*: once, at once, even when it is disabled."""
    now = timezone.now()
    body = wire_body({"type": TEST, "status": "ok", "data": {}}, None)
    with transaction.atomic():
        made = Delivery.objects.create(
            webhook=webhook, type=TEST, body=written(body), created_at=now, next_attempt_at=now
        )
        transaction.on_commit(send_soon)
    return made


def written(body: dict[str, Any]) -> str:
    """Write a body once: the very same bytes are sent, and signed, at each attempt."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def send_soon() -> None:
    """Have a worker look now; without a broker it looks when the next round is due."""
    try:
        send_due.delay()
    except OperationalError:
        log.warning("broker unreachable, webhooks wait in the database")
