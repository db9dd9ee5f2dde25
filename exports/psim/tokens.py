"""The token of a PSIM client: made, found by what is sent, ended. A user has one at a time."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.utils.crypto import constant_time_compare

from exports.psim.models import PsimToken
from vms.accounts.integration import PREFIX as OURS
from vms.accounts.integration import digest_of
from vms.accounts.models import User

# Begins as all tokens of ours that logs recognise wherever they stand.
PREFIX = f"{OURS}psim_"
SECRET_BYTES = 32
USUAL_SECONDS = 1800
MOST_SECONDS = 86_400


def make_token(user: User, seconds: int, now: datetime) -> str:
    """Make the token of *user*; one there was before is worth nothing any more."""
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    PsimToken.objects.update_or_create(
        user=user,
        defaults={
            "digest": digest_of(secret),
            "password_hash": user.get_session_auth_hash(),
            "expires_at": now + timedelta(seconds=seconds),
            "created_at": now,
        },
    )
    return secret


def end_token(user: User) -> None:
    PsimToken.objects.filter(user=user).delete()


def find_token(secret: str, now: datetime) -> PsimToken | None:
    """Find a token that is still good, with its active user; one query."""
    token = (
        PsimToken.objects.select_related("user")
        .filter(digest=digest_of(secret), expires_at__gt=now, user__is_active=True)
        .first()
    )
    if token is None:
        return None
    hashed = token.user.get_session_auth_hash()
    return token if constant_time_compare(token.password_hash, hashed) else None
