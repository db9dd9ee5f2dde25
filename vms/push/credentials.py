"""Who opens a socket: the Bearer header, or the single-use ticket in the address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from vms.accounts.authentication import session_of_token
from vms.accounts.models import Session
from vms.push.sessions import live_session
from vms.push.tickets import take_ticket

LONGEST_TOKEN = 4096
MOST_QUERY_FIELDS = 50


class BadCredentials(Exception):
    """Credentials were sent and open nothing."""


def session_of_scope(scope: Mapping[str, Any], now: datetime) -> Session | None:
    """Find the session a socket opens with; None when it brought no credentials at all.

    Raises:
        BadCredentials: it brought some and they are not good (any more).
    """
    token = bearer_token(scope)
    if token is not None:
        return session_of_text(token, now)
    ticket = ticket_of(scope)
    if ticket is None:
        return None
    session_id = take_ticket(ticket)
    session = live_session(session_id, now) if session_id else None
    if session is None:
        raise BadCredentials
    return session


def session_of_text(token: object, now: datetime) -> Session:
    """Find the session of an access token as a client sent it, so it may be anything.

    Raises:
        BadCredentials: it is no token, or one of no live session.
    """
    if not isinstance(token, str) or not token.isascii() or len(token) > LONGEST_TOKEN:
        raise BadCredentials
    session = session_of_token(token, now)
    if session is None:
        raise BadCredentials
    return session


def bearer_token(scope: Mapping[str, Any]) -> str | None:
    for name, value in scope["headers"]:
        if name.lower() == b"authorization":
            scheme, _space, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return None


def ticket_of(scope: Mapping[str, Any]) -> str | None:
    return query_field(scope, "token")


def query_field(scope: Mapping[str, Any], name: str) -> str | None:
    """Return the first value of a field in the address; None when it is not there.

    Raises:
        BadCredentials: there are too many fields to look for it.
    """
    query = scope["query_string"].decode("latin-1")
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=MOST_QUERY_FIELDS)
    except ValueError as error:
        raise BadCredentials from error
    return fields[name][0] if name in fields else None
