"""Who else hears of kept events: functions that other apps register when they are set up.

A subscriber is called after the commit, in the process that recorded the events, with the new rows
of one user in the order of their ids. It is called again with rows it has seen when it raised,
when the broker was away or when the process died before it was noted that all had heard: it must
know an event it has dealt with by its primary key. Whoever finished a job waits for it, so it
writes rows and queues tasks, no more.

    class WebhooksConfig(AppConfig):
        def ready(self) -> None:
            subscribe(queue_deliveries)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from vms.push.models import Event

Subscriber = Callable[[Sequence[Event]], None]

log = structlog.get_logger(__name__)
subscribers: list[Subscriber] = []


def subscribe(subscriber: Subscriber) -> None:
    """Have *subscriber* hear of every event from now on."""
    if subscriber not in subscribers:
        subscribers.append(subscriber)


def tell_subscribers(events: Sequence[Event]) -> bool:
    """Call every subscriber; False, logged, when one raised: it is to hear these events again."""
    heard = [is_heard(subscriber, events) for subscriber in subscribers]
    return all(heard)


def is_heard(subscriber: Subscriber, events: Sequence[Event]) -> bool:
    try:
        subscriber(events)
    except Exception:
        log.exception("a subscriber of events failed", subscriber=subscriber.__qualname__)
        return False
    return True
