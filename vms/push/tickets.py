"""Short-lived secrets kept in the shared cache: socket tickets and signed subscriptions."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from django.core.cache import cache

TICKET_SECONDS = 30
GRANT_SECONDS = 300
TICKET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Grant:
    """A signed subscription: for whom, and the last event its client saw, if it told."""

    session_id: str
    after: int | None


def issue_ticket(session_id: str) -> str:
    """Make a ticket that opens one socket for this session within TICKET_SECONDS.

    Browsers can put no header on a socket, and an address may end up in logs; so what goes into
    the address is worth nothing after its first use.
    """
    ticket = secrets.token_urlsafe(32)
    cache.set(ticket_key(ticket), session_id, TICKET_SECONDS)
    return ticket


def take_ticket(ticket: str) -> str | None:
    """Use a ticket up; None when it is unknown, late or was used before."""
    if not TICKET.fullmatch(ticket):
        return None
    key = ticket_key(ticket)
    session_id: str | None = cache.get(key)
    # Of two that come at once only one finds something to delete.
    return session_id if cache.delete(key) else None


def remember_grant(socket_id: str, channel: str, session_id: str, after: int | None = None) -> None:
    """Note which session a subscription was signed for, and what it missed.

    The signature itself does not say it.
    """
    grant = {"session_id": session_id, "after": after}
    cache.set(grant_key(socket_id, channel), grant, GRANT_SECONDS)


def find_grant(socket_id: str, channel: str) -> Grant | None:
    """Find what a subscription was signed for; None when that was too long ago."""
    grant = cache.get(grant_key(socket_id, channel))
    return Grant(**grant) if grant else None


def ticket_key(ticket: str) -> str:
    return f"push.ticket.{hashlib.sha256(ticket.encode()).hexdigest()}"


def grant_key(socket_id: str, channel: str) -> str:
    told = hashlib.sha256(f"{socket_id}:{channel}".encode("utf-8", "replace"))
    return f"push.grant.{told.hexdigest()}"
