"""Catching up: the kept events after an id, and what a socket has already been sent."""

from __future__ import annotations

from dataclasses import dataclass

from vms.accounts.models import Session
from vms.push.messages import Body, token_push, user_push, wire_body
from vms.push.models import Event

LARGEST_ID = 2**63 - 1
PAGE = 200
# Ten times what the channel layer can hold back for one socket, see `capacity` in the settings.
REMEMBERED_IDS = 10_000


@dataclass(frozen=True)
class Page:
    """Some missed messages in the order of their ids; *next_after* is None on the last page."""

    messages: list[Body]
    next_after: int | None


class Delivered:
    """The ids a socket was sent lately; it forgets the oldest beyond REMEMBERED_IDS."""

    def __init__(self) -> None:
        self.ids: dict[int, None] = {}

    def add(self, event_id: int | None) -> bool:
        """Note an id; False when it was sent before. Events without an id are always new."""
        if event_id is None:
            return True
        if event_id in self.ids:
            return False
        self.ids[event_id] = None
        if len(self.ids) > REMEMBERED_IDS:
            self.ids.pop(next(iter(self.ids)))
        return True


def page_after(session: Session, after: int) -> Page:
    """Read what the user of *session* missed after an id, as that session would have heard it."""
    missed = Event.objects.filter(user_id=session.user_id, pk__gt=after).order_by("pk")
    events = list(missed[:PAGE])
    messages = [message_for(session, event) for event in events]
    return Page(messages, events[-1].pk if len(events) == PAGE else None)


def message_for(session: Session, event: Event) -> Body:
    wire = wire_body(event.body, event.pk)
    if event.session_id == session.pk:
        return token_push(event.session_id, wire)
    return user_push(event.user_id, event.session_id, wire)
