"""The sessions behind sockets: which of them still live."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from vms.accounts.models import Session


def live_session(session_id: str, now: datetime) -> Session | None:
    """Find a session that has neither ended nor lost its user; one query."""
    return Session.objects.live(now).filter(pk=session_id, user__is_active=True).first()


def all_live(session_ids: Collection[str], now: datetime) -> bool:
    """Say whether every one of these sessions is still good; one query, none for no session."""
    if not session_ids:
        return True
    live = Session.objects.live(now).filter(pk__in=session_ids, user__is_active=True)
    return live.count() == len(set(session_ids))
