"""Who asks: the Bearer token of a request, and the live session or integration behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.request import Request

from vms.accounts.integration import PREFIX, find_token, touch_token
from vms.accounts.models import IntegrationToken, Session, User
from vms.accounts.services import touch
from vms.accounts.tokens import read_access

FOR_SESSIONS_ONLY = "Integration tokens are not accepted here; sign in as a user."


def session_of_token(token: str, now: datetime) -> Session | None:
    """Find the live session of an access token, with its active user; one query at most."""
    session_id = read_access(token, now)
    if session_id is None:
        return None
    return (
        Session.objects.live(now)
        .select_related("user")
        .filter(pk=session_id, user__is_active=True)
        .first()
    )


def session_of(request: Request) -> Session:
    """Return the session that asks; for views that only signed-in users reach."""
    session = request.auth
    if not isinstance(session, Session):
        raise NotAuthenticated
    return session


def bearer_of(request: Request) -> str | None:
    """Return the token of the Authorization header; None when it is absent or of another scheme."""
    scheme, _, token = get_authorization_header(request).partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else None


class BearerAuthentication(BaseAuthentication):
    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the base's signature
        return "Bearer"


class SessionTokenAuthentication(BearerAuthentication):
    """`Authorization: Bearer <access token>`; `request.auth` becomes the Session.

    The row is read at each request, so a session that was ended is refused at once.
    """

    def authenticate(self, request: Request) -> tuple[User, Session] | None:
        token = bearer_of(request)
        if token is None:
            return None
        now = timezone.now()
        session = session_of_token(token, now)
        if session is None:
            raise AuthenticationFailed
        touch(session, now)
        return session.user, session


class IntegrationTokenAuthentication(BearerAuthentication):
    """`Authorization: Bearer vms_...`; `request.auth` becomes the IntegrationToken.

    Stands before the one above. A view says with `integration_scope` which scope opens it; one
    that says nothing is closed to these tokens, whatever its permissions.
    """

    def authenticate(self, request: Request) -> tuple[User, IntegrationToken] | None:
        secret = bearer_of(request)
        if secret is None or not secret.startswith(PREFIX):
            return None
        now = timezone.now()
        token = find_token(secret, now)
        if token is None:
            raise AuthenticationFailed
        refuse_out_of_scope(token, request)
        touch_token(token, now)
        return token.user, token


def refuse_out_of_scope(token: IntegrationToken, request: Request) -> None:
    """See that the view asked is one of those the token is for.

    Raises:
        PermissionDenied: it is not; says which scope would do.
    """
    view = (request.parser_context or {}).get("view")
    scope: str | None = getattr(view, "integration_scope", None)
    if scope is None:
        raise PermissionDenied(FOR_SESSIONS_ONLY)
    if not token.allows(scope):
        raise PermissionDenied(f"This token does not have the scope {scope}.")


class BearerScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call] # untyped library
    """Describes the above in the OpenAPI document."""

    target_class = "vms.accounts.authentication.SessionTokenAuthentication"
    name = "bearer"


class IntegrationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # untyped library
    """Describes integration tokens, on the calls that take them only."""

    target_class = "vms.accounts.authentication.IntegrationTokenAuthentication"
    name = "integration"
    priority = 1

    def get_security_requirement(self, auto_schema: Any) -> Any:
        scope = getattr(auto_schema.view, "integration_scope", None)
        return None if scope is None else {self.name: []}

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {"type": "http", "scheme": "bearer", "bearerFormat": f"{PREFIX}..."}
