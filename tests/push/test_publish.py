from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connection, transaction
from django.utils import timezone

from vms.push import subscribers
from vms.push.models import Event
from vms.push.publish import prune, record_event, send_unsent, send_unstored

BODY = {"type": "archive_generated", "status": "ok"}


@pytest.fixture
def heard():
    """Listen to groups of the channel layer; the function returned reads the next message."""

    def heard(*groups):
        layer = get_channel_layer()
        name = async_to_sync(layer.new_channel)()
        for group in groups:
            async_to_sync(layer.group_add)(group, name)

        def messages():
            queue = layer.channels.get(name)
            return [queue.get_nowait()[1] for _ in range(queue.qsize())] if queue else []

        return messages

    return heard


# A channel layer at a port where nothing listens.
DEAD = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [{"address": "redis://127.0.0.1:1/0", "socket_timeout": None}]},
    }
}


@pytest.fixture
def dead_broker(settings):
    settings.CHANNEL_LAYERS = DEAD


def record(session, now=None):
    return record_event(
        user_id=session.user_id, session_id=session.pk, body=BODY, now=now or timezone.now()
    )


@pytest.mark.django_db(transaction=True)
def test_keeps_the_event_and_sends_it_once_to_the_users_sockets(alice_session, heard):
    session = alice_session
    messages = heard(f"user.{session.user_id}")
    now = timezone.now()

    event = record(session, now)

    kept = Event.objects.get()
    assert kept == event
    assert (kept.user_id, kept.session_id, kept.body) == (session.user_id, session.pk, BODY)
    assert (kept.number, kept.created_at) == (1, now)
    assert kept.sent_at is not None
    [message] = messages()
    assert message == {
        "type": "push.event",
        "user_id": session.user_id,
        "session_id": session.pk,
        "body": {"data": BODY, "subject": None, "message": None, "id": 1},
    }


@pytest.mark.django_db(transaction=True)
def test_sends_only_after_the_commit(alice_session, heard):
    messages = heard(f"user.{alice_session.user_id}")
    with transaction.atomic():
        record(alice_session)
        assert messages() == []
    assert len(messages()) == 1


@pytest.mark.django_db(transaction=True)
def test_an_order_without_a_session_goes_to_the_user(alice, heard):
    messages = heard(f"user.{alice.pk}")
    record_event(user_id=alice.pk, session_id="", body=BODY, now=timezone.now())
    assert [message["session_id"] for message in messages()] == [""]


@pytest.mark.django_db(transaction=True)
def test_what_is_not_stored_has_no_id(alice_session, heard):
    messages = heard(f"user.{alice_session.user_id}")
    send_unstored(alice_session.user_id, alice_session.pk, {"type": "archive_progress"}, 1.0)
    assert not Event.objects.exists()
    (message,) = messages()
    assert message["body"] == {
        "data": {"type": "archive_progress"},
        "subject": None,
        "message": None,
    }


@pytest.mark.django_db
def test_prunes_what_is_older(alice_session):
    now = timezone.now()
    old, kept = record(alice_session, now - timedelta(hours=3, seconds=1)), record(alice_session)
    assert prune(now - timedelta(hours=3)) == 1
    assert list(Event.objects.all()) == [kept]
    assert old.pk < kept.pk


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_fails_sends_nothing(alice_session, heard):
    messages = heard(f"user.{alice_session.user_id}")

    def fail():
        with transaction.atomic():
            record(alice_session)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert messages() == []
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_leaves_the_row_waiting(alice_session, dead_broker):
    event = record(alice_session)
    assert Event.objects.get().sent_at is None
    send_unstored(alice_session.user_id, alice_session.pk, {"type": "archive_progress"}, 1.0)
    assert Event.objects.get() == event


LATER = timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_what_a_dead_broker_left_is_sent_in_order_later(alice_session, settings, heard):
    layers = settings.CHANNEL_LAYERS
    settings.CHANNEL_LAYERS = DEAD
    for _ in range(3):
        record(alice_session)
    assert send_unsent(timezone.now() + LATER) == 3
    settings.CHANNEL_LAYERS = layers
    messages = heard(f"user.{alice_session.user_id}")
    assert send_unsent(timezone.now() + LATER) == 3
    assert [message["body"]["id"] for message in messages()] == [1, 2, 3]
    assert send_unsent(timezone.now() + LATER) == 0


@pytest.mark.django_db
def test_what_a_dead_worker_left_is_sent_later(alice_session, heard):
    """The transaction has committed and the process ended before it could send anything."""
    messages = heard(f"user.{alice_session.user_id}")
    record(alice_session)
    assert send_unsent(timezone.now()) == 0  # whoever recorded it may be about to send it
    assert messages() == []
    assert send_unsent(timezone.now() + LATER) == 1
    assert len(messages()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_subscriber_that_failed_hears_it_again(alice_session, monkeypatch):
    heard, failing = [], [True]

    def subscriber(events):
        if failing:
            raise ValueError
        heard.extend(events)

    monkeypatch.setattr(subscribers, "subscribers", [subscriber])
    event = record(alice_session)
    failing.clear()
    send_unsent(timezone.now() + LATER)
    send_unsent(timezone.now() + LATER)
    assert heard == [event]


@pytest.mark.django_db(transaction=True)
def test_numbers_are_never_used_again(alice_session):
    record(alice_session)
    prune(timezone.now())
    assert record(alice_session).number == 2


@pytest.mark.django_db(transaction=True)
def test_events_recorded_at_once_have_numbers_of_their_own(alice_session):
    gate = Barrier(4)

    def work():
        gate.wait()
        for _ in range(5):
            record(alice_session)
        connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = Event.objects.order_by("pk").values_list("number", flat=True)
    assert list(numbers) == list(range(1, 21))
