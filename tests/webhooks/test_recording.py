"""From events to deliveries: once each, for the webhooks that were there."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from vms.accounts.integration import make_token, revoke_token
from vms.push.models import Event
from vms.push.publish import send_unstored
from vms.push.subscribers import subscribers
from vms.webhooks.attempts import forget_old
from vms.webhooks.models import Delivery, Webhook
from vms.webhooks.recording import record_deliveries

pytestmark = pytest.mark.django_db(transaction=True)


def test_is_told_of_events_by_push():
    assert record_deliveries in subscribers


def test_writes_a_delivery_for_each_webhook_of_the_user(alice, mallory, receiver, happen):
    hers = [Webhook.objects.create(user=alice, url=receiver.url) for _ in range(2)]
    Webhook.objects.create(user=mallory, url=receiver.url)
    event = happen(alice)
    deliveries = list(Delivery.objects.order_by("pk"))
    assert {delivery.webhook_id for delivery in deliveries} == {webhook.pk for webhook in hers}
    assert len({delivery.key for delivery in deliveries}) == 2
    for delivery in deliveries:
        assert (delivery.event_id, delivery.type) == (event.pk, "archive_generated")
        assert (delivery.state, delivery.attempts) == ("pending", 0)
        assert json.loads(delivery.body) == {
            "data": event.body,
            "subject": None,
            "message": None,
            "id": event.number,
        }


def test_writes_nothing_twice_when_it_is_told_again(alice, webhook, happen):
    event = happen(alice)
    record_deliveries([event])
    record_deliveries(list(Event.objects.order_by("pk")))
    assert Delivery.objects.count() == 1


def test_sends_no_progress(alice, webhook):
    send_unstored(alice.pk, "", {"type": "archive_progress"}, 1.0)
    assert not Delivery.objects.exists()


def test_tells_a_webhook_nothing_of_before_it_was(alice, receiver, happen):
    event = happen(alice)
    Webhook.objects.create(user=alice, url=receiver.url)
    record_deliveries([event])
    assert not Delivery.objects.exists()


def test_writes_nothing_for_webhooks_that_are_disabled(alice, webhook, happen):
    Webhook.objects.update(disabled_at=timezone.now())
    happen(alice)
    assert not Delivery.objects.exists()


def test_writes_nothing_for_users_who_are_disabled(alice, webhook, happen):
    alice.is_active = False
    alice.save()
    happen(alice)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_writes_nothing_for_programs_whose_token_is_no_longer_good(alice, receiver, happen, how):
    now = timezone.now()
    token, _secret = make_token(
        alice, name="n", scopes=["webhooks"], expires_at=now + timedelta(days=1), now=now
    )
    Webhook.objects.create(user=alice, token=token, url=receiver.url)
    happen(alice)
    if how == "revoked":
        assert revoke_token(alice, token.pk, now)
    else:
        token.expires_at = now
        token.save()
    happen(alice, 2)
    assert Delivery.objects.count() == 1


def test_writes_rows_when_the_broker_is_away(alice, webhook, happen, caplog):
    with caplog.at_level(logging.WARNING):
        happen(alice)
    assert Delivery.objects.filter(state="pending").count() == 1
    assert "webhooks wait in the database" in caplog.text


def test_goes_with_the_transaction_of_the_event(alice, webhook, happen):
    def fail():
        with transaction.atomic():
            happen(alice)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_asks_the_database_once_when_nobody_has_a_webhook(alice, happen, django_assert_num_queries):
    event = happen(alice)
    with django_assert_num_queries(1):
        record_deliveries([event])


def test_forgets_the_log_after_a_week(alice, webhook, happen):
    happen(alice)
    now = timezone.now()
    assert forget_old(now + timedelta(days=6, hours=23)) == 0
    assert forget_old(now + timedelta(days=7, seconds=1)) == 1
