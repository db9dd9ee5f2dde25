"""The sessions behind sockets: which of them still live."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from vms.accounts.models import Session

# As many values as every database takes in one query.
MOST_AT_ONCE = 1000


def live_session(session_id: str, now: datetime) -> Session | None:
    """Find a session that has neither ended nor lost its user; one query."""
    return Session.objects.live(now).filter(pk=session_id, user__is_active=True).first()


def live_among(session_ids: Iterable[str], now: datetime) -> set[str]:
    """Return those of the sessions that are still good; one query for every MOST_AT_ONCE."""
    wanted = list(session_ids)
    live: set[str] = set()
    for begin in range(0, len(wanted), MOST_AT_ONCE):
        some = wanted[begin : begin + MOST_AT_ONCE]
        found = Session.objects.live(now).filter(pk__in=some, user__is_active=True)
        live.update(found.values_list("pk", flat=True))
    return live
