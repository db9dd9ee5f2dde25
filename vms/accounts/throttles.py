"""How often somebody may try a password, or ask for a token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from vms.accounts.serializers import CredentialsSerializer
from vms.api.throttling import AddressThrottle, SlotThrottle

TRIES = 20
WINDOW = timedelta(minutes=10)


class SignInAddressThrottle(AddressThrottle):
    scope = "sign-in-address"
    limit = TRIES
    window = WINDOW


class SignInLoginThrottle(SlotThrottle):
    """Counts a login whether or not a user has it: the limit must not tell who exists."""

    scope = "sign-in-login"
    limit = TRIES
    window = WINDOW

    def who(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - the base's signature
        body = request.data
        return login_of(body) if isinstance(body, Mapping) else None


class OldPasswordThrottle(SlotThrottle):
    """Who has somebody's token must not find out the password with it."""

    scope = "old-password"
    limit = TRIES
    window = WINDOW

    def who(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - the base's signature
        return str(request.user.pk)


class NewIntegrationTokenThrottle(SlotThrottle):
    scope = "integration-token"
    limit = TRIES
    window = WINDOW

    def who(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - the base's signature
        return str(request.user.pk)


def login_of(body: Mapping[str, Any]) -> str | None:
    """Read the login as the sign-in itself will: a JSON number is a login too."""
    try:
        return str(CredentialsSerializer().fields["login"].to_internal_value(body.get("login")))
    except ValidationError:
        return None
