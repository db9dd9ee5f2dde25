"""Other apps hear of kept events once they are committed, whatever another subscriber does."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone

from vms.push import subscribers
from vms.push.publish import record_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    monkeypatch.setattr(subscribers, "subscribers", [])


def record(user, *numbers):
    bodies = [{"number": number} for number in numbers]
    return record_events(user_id=user.pk, session_id="", bodies=bodies, now=timezone.now())


def test_hears_of_all_events_of_a_call_once_they_are_committed(alice):
    heard = []
    subscribers.subscribe(heard.append)
    with transaction.atomic():
        events = record(alice, 1, 2)
        assert heard == []
    assert heard == [events]
    assert all(event.pk for event in events)


def test_hears_nothing_of_a_transaction_that_fails(alice):
    heard = []
    subscribers.subscribe(heard.append)

    def fail():
        with transaction.atomic():
            record(alice, 1)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert heard == []


def test_hears_though_another_fails(alice):
    heard = []

    def broken(_events):
        raise ValueError

    subscribers.subscribe(broken)
    subscribers.subscribe(heard.append)
    [event] = record(alice, 1)
    assert heard == [[event]]
    assert not subscribers.tell_subscribers([event])


def test_a_subscriber_subscribed_twice_hears_once(alice):
    heard = []
    hear = heard.append
    subscribers.subscribe(hear)
    subscribers.subscribe(hear)
    record(alice, 1)
    assert len(heard) == 1
