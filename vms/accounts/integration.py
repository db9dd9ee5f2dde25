"""Integration tokens: they are made, found by what a program sends, and revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from vms.accounts.models import IntegrationToken, IntegrationTokenQuerySet, User
from vms.accounts.tokens import ID_FORM

# Tells these tokens from access tokens, and lets scanners for leaked secrets find them.
PREFIX = "vms_"
SECRET_BYTES = 32
TOUCH_EVERY = timedelta(minutes=5)


class TooManyTokens(Exception):
    """The user has as many tokens as the operator allows."""


def make_token(
    user: User, *, name: str, scopes: Iterable[str], expires_at: datetime | None, now: datetime
) -> tuple[IntegrationToken, str]:
    """Make a token of *user*; returns its row and the token itself, which nobody can ask for again.

    Raises:
        TooManyTokens: two requests at the same moment cannot both take the last place.
    """
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        live = IntegrationToken.objects.live(now).filter(user=user).count()
        if live >= settings.VMS["VMS_MAX_INTEGRATION_TOKENS_PER_USER"]:
            raise TooManyTokens
        made = IntegrationToken.objects.create(
            user=user,
            name=name,
            digest=digest_of(secret),
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
            created_at=now,
        )
    return made, secret


def find_token(secret: str, now: datetime) -> IntegrationToken | None:
    """Find the live token with its active user; one query.

    The database compares digests, not secrets: how long that takes tells nothing about a token
    that somebody is guessing.
    """
    return (
        IntegrationToken.objects.live(now)
        .select_related("user")
        .filter(digest=digest_of(secret), user__is_active=True)
        .first()
    )


def digest_of(secret: str) -> str:
    """Return the SHA-256 in hex; 256 random bits need neither salt nor a slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def touch_token(token: IntegrationToken, now: datetime) -> None:
    """Note that a token is in use; written once in five minutes, not at each request."""
    if token.last_used_at is None or now - token.last_used_at >= TOUCH_EVERY:
        IntegrationToken.objects.filter(pk=token.pk).update(last_used_at=now)


def revoke_tokens(tokens: IntegrationTokenQuerySet, now: datetime) -> int:
    """Revoke those of *tokens* that are not; answers how many."""
    return tokens.filter(revoked_at=None).update(revoked_at=now)


def revoke_token(user: User, token_id: str, now: datetime) -> bool:
    """Revoke one token of *user*; False when there is none with this id, or not any more."""
    if not ID_FORM.fullmatch(token_id):
        return False
    return revoke_tokens(IntegrationToken.objects.filter(user=user, pk=token_id), now) > 0
