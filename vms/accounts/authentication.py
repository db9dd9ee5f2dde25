"""Who asks: the Bearer token of a request, and the live session behind it."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from vms.accounts.models import Session, User
from vms.accounts.services import touch
from vms.accounts.tokens import read_access


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


class SessionTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; `request.auth` becomes the Session.

    The row is read at each request, so a session that was ended is refused at once.
    """

    def authenticate(self, request: Request) -> tuple[User, Session] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        now = timezone.now()
        session = session_of_token(token.strip().decode("latin-1"), now)
        if session is None:
            raise AuthenticationFailed
        touch(session, now)
        return session.user, session

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the base's signature
        return "Bearer"


class BearerScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call] # untyped library
    """Describes the above in the OpenAPI document."""

    target_class = "vms.accounts.authentication.SessionTokenAuthentication"
    name = "bearer"
