"""Telling a user's clients what happened: the row first, the sockets after the commit.

Knows no domain: a body is any JSON object. A client that was away, or a broker that was, loses
nothing: the row waits and the client asks for what follows the last id it saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from django.db import transaction

from vms.accounts.models import User
from vms.api.broadcast import send_to_groups
from vms.push.messages import Body, addressed, wire_body
from vms.push.models import Event
from vms.push.subscribers import tell_subscribers


def record_event(*, user_id: int, session_id: str, body: Body, now: datetime) -> Event:
    """Keep one event and send it; see `record_events`."""
    [event] = record_events(user_id=user_id, session_id=session_id, bodies=[body], now=now)
    return event


def record_events(
    *, user_id: int, session_id: str, bodies: Iterable[Body], now: datetime
) -> list[Event]:
    """Keep events and send them once the surrounding transaction has committed.

    The user's row stays locked until then, so the events of a user become visible in the order of
    their ids and a client that resumes after an id misses none. A transaction that records events
    of several users must do so in ascending order of user id.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
        events = Event.objects.bulk_create(
            Event(user_id=user_id, session_id=session_id, body=body, created_at=now)
            for body in bodies
        )
        for event in events:
            messages = addressed(user_id, session_id, wire_body(event.body, event.pk))
            transaction.on_commit(partial(send_to_groups, messages))
        transaction.on_commit(partial(tell_subscribers, events), robust=True)
    return events


def send_unstored(user_id: int, session_id: str, body: Body) -> None:
    """Send at once what is not worth keeping, such as progress; it has no id, nobody resumes it."""
    send_to_groups(addressed(user_id, session_id, wire_body(body, None)))


def prune(before: datetime) -> int:
    """Delete the events older than *before*; return how many."""
    deleted, _by_model = Event.objects.filter(created_at__lt=before).delete()
    return deleted
