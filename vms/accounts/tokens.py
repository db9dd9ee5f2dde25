"""Access and refresh tokens: JWTs that name a session, whose row decides what they are worth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from vms.accounts.models import Session

SESSION_CLAIM = "sid"
ID_FORM = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class TokenPair:
    """What a client gets; `expires_at` is the end of the access token."""

    access: str
    refresh: str
    expires_at: datetime


@dataclass(frozen=True)
class RefreshClaims:
    session_id: str
    refresh_id: str


def make_pair(session: Session, now: datetime) -> TokenPair:
    """Sign the pair of *session*: its refresh token is the one that `refresh_id` names."""
    expires_at = min(now + settings.ACCESS_TOKEN_LIFETIME, session.expires_at).replace(
        microsecond=0
    )
    access = AccessToken()
    access.set_exp(from_time=expires_at, lifetime=timedelta())
    refresh = RefreshToken()
    refresh["jti"] = session.refresh_id
    refresh.set_exp(from_time=session.expires_at, lifetime=timedelta())
    for token in (access, refresh):
        token.set_iat(at_time=now)
        token[SESSION_CLAIM] = session.pk
    return TokenPair(access=str(access), refresh=str(refresh), expires_at=expires_at)


def read_access(text: str, now: datetime) -> str | None:
    """Return the session id of a sound access token that has not expired at *now*."""
    token = read(AccessToken, text, now)
    return None if token is None else claim(token, SESSION_CLAIM)


def read_refresh(text: str, now: datetime) -> RefreshClaims | None:
    """Return the claims of a sound refresh token; whether it was used before is not known here."""
    token = read(RefreshToken, text, now)
    if token is None:
        return None
    session_id, refresh_id = claim(token, SESSION_CLAIM), claim(token, "jti")
    if session_id is None or refresh_id is None:
        return None
    return RefreshClaims(session_id, refresh_id)


def read(kind: type[Token], text: str, now: datetime) -> Token | None:
    try:
        token = kind(text)  # type: ignore[arg-type] # the library means the encoded text
        token.check_exp(current_time=now)
    except TokenError:
        return None
    return token


def claim(token: Token, name: str) -> str | None:
    """Return a claim that looks like one of our ids; others never reach the database."""
    value = token.get(name)
    return value if isinstance(value, str) and ID_FORM.fullmatch(value) else None
