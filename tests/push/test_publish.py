from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.utils import timezone

from vms.push.models import Event
from vms.push.publish import prune, record_event, send_unstored

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


@pytest.fixture
def dead_broker(settings):
    """Point the channel layer at a port where nothing listens."""
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [{"address": "redis://127.0.0.1:1/0", "socket_timeout": None}]},
        }
    }


def record(session, now=None):
    return record_event(
        user_id=session.user_id, session_id=session.pk, body=BODY, now=now or timezone.now()
    )


@pytest.mark.django_db(transaction=True)
def test_keeps_the_event_and_sends_it_to_the_session_and_the_user(alice_session, heard):
    session = alice_session
    messages = heard(f"token.{session.pk}", f"user.{session.user_id}")
    now = timezone.now()

    event = record(session, now)

    assert Event.objects.get() == event
    assert (event.user_id, event.session_id, event.body) == (session.user_id, session.pk, BODY)
    assert event.created_at == now
    to_session, to_user = messages()
    assert to_session["event"] == "App\\Events\\TokenPush"
    assert to_user["event"] == "App\\Events\\UserPush"
    wire = {"data": BODY, "subject": None, "message": None, "id": event.pk}
    assert to_session["body"] == to_user["body"] == wire


@pytest.mark.django_db(transaction=True)
def test_sends_only_after_the_commit(alice_session, heard):
    messages = heard(f"token.{alice_session.pk}")
    with transaction.atomic():
        record(alice_session)
        assert messages() == []
    assert len(messages()) == 1


@pytest.mark.django_db(transaction=True)
def test_an_order_without_a_session_goes_to_the_user(alice, heard):
    messages = heard(f"user.{alice.pk}")
    record_event(user_id=alice.pk, session_id="", body=BODY, now=timezone.now())
    assert [message["channel"] for message in messages()] == [f"user.{alice.pk}"]


@pytest.mark.django_db(transaction=True)
def test_what_is_not_stored_has_no_id(alice_session, heard):
    messages = heard(f"token.{alice_session.pk}")
    send_unstored(alice_session.user_id, alice_session.pk, {"type": "archive_progress"})
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
    messages = heard(f"token.{alice_session.pk}")

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
    send_unstored(alice_session.user_id, alice_session.pk, {"type": "archive_progress"})
    assert Event.objects.get() == event
