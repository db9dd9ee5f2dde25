"""Telling a user's clients what happened: the row first, sockets and subscribers after the commit.

Knows no domain: a body is any JSON object. A client that was away, or a broker that was, loses
nothing: the row waits, and the client asks for what follows the last id it saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from vms.api.broadcast import send_to_groups
from vms.push.channels import user_channel
from vms.push.messages import Body, message_of, push, wire_body
from vms.push.models import Event, Feed
from vms.push.subscribers import tell_subscribers

# Whoever recorded an event has sent it by then, or died over it.
SENDING = timedelta(seconds=15)
MOST_AT_ONCE = 1000


def record_event(*, user_id: int, session_id: str, body: Body, now: datetime) -> Event:
    """Keep one event and send it; see `record_events`."""
    [event] = record_events(user_id=user_id, session_id=session_id, bodies=[body], now=now)
    return event


def record_events(
    *, user_id: int, session_id: str, bodies: Iterable[Body], now: datetime
) -> list[Event]:
    """Keep events and send them once the surrounding transaction has committed.

    The user's feed stays locked until then, so the events of a user become visible in the order of
    their numbers and a client that resumes after one misses none. A transaction that records
    events of several users must do so in ascending order of user id.
    """
    bodies = list(bodies)
    with transaction.atomic():
        first = take_numbers(user_id, len(bodies))
        events = Event.objects.bulk_create(
            Event(user_id=user_id, number=number, session_id=session_id, body=body, created_at=now)
            for number, body in enumerate(bodies, first)
        )
        transaction.on_commit(partial(send_out, events), robust=True)
    return events


def take_numbers(user_id: int, count: int) -> int:
    """Reserve the next *count* numbers of a user; returns the first. Locks the feed's row."""
    feed = Feed.objects.filter(pk=user_id)
    if not feed.update(last=F("last") + count):
        Feed.objects.bulk_create([Feed(user_id=user_id)], ignore_conflicts=True)
        feed.update(last=F("last") + count)
    return feed.values_list("last", flat=True).get() - count + 1


def send_out(events: Sequence[Event]) -> bool:
    """Tell sockets and subscribers of a user's events; False when that is to be done again."""
    is_sent = send_to_groups([(user_channel(event.user_id), message_of(event)) for event in events])
    is_heard = tell_subscribers(events)
    if is_sent and is_heard:
        numbers = [event.pk for event in events]
        Event.objects.filter(pk__in=numbers).update(sent_at=timezone.now())
    return is_sent


def send_unsent(now: datetime) -> int:
    """Send what a crash or a broker that was away has left unsent; returns how many it tried.

    Sockets know by the numbers what they have been sent, subscribers by the rows.
    """
    unsent = Event.objects.filter(sent_at=None, created_at__lt=now - SENDING)
    oldest = unsent.order_by("pk")[:MOST_AT_ONCE]
    tried = 0
    by_user = sorted(oldest, key=lambda event: (event.user_id, event.number))
    for _user, events in groupby(by_user, key=lambda event: event.user_id):
        waiting = list(events)
        tried += len(waiting)
        if not send_out(waiting):  # nor will the broker take the others'
            break
    return tried


def send_unstored(user_id: int, session_id: str, body: Body, within: float) -> bool:
    """Send at once what is not worth keeping, such as progress; it has no id, nobody resumes it.

    Returns False when the broker did not take it *within* seconds.
    """
    message = push(user_id, session_id, wire_body(body, None))
    return send_to_groups([(user_channel(user_id), message)], within)


def prune(before: datetime) -> int:
    """Delete the events older than *before*; return how many."""
    deleted, _by_model = Event.objects.filter(created_at__lt=before).delete()
    return deleted
