"""Who a link was given out to, and whether they may still see what it shows."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request

from cameras.access import visible_cameras
from cameras.models import Stream
from previews.signing import BadLink, Grant, IssuedTo
from vms.accounts.models import IntegrationToken, Scope, Session, User


class Withdrawn(BadLink):
    """The session has ended, the token was revoked, or the camera was taken away."""

    def __init__(self) -> None:
        super().__init__("This link does not work any more; ask for a new one.")


def issuer_of(request: Request) -> tuple[IssuedTo, str]:
    """Return on whose behalf links are given out to who asks: what `Grant` keeps of it."""
    if isinstance(request.auth, Session):
        return IssuedTo.SESSION, request.auth.pk
    if isinstance(request.auth, IntegrationToken):
        return IssuedTo.INTEGRATION, request.auth.pk
    return IssuedTo.PUBLIC, ""


def check_issuer(grant: Grant, now: datetime) -> Stream:
    """See that the link still may be followed; returns its stream with the camera: two queries.

    Raises:
        Withdrawn: it may not.
    """
    user = user_behind(grant, now)
    streams = Stream.objects.select_related("camera").filter(
        uuid=grant.stream,
        camera__uuid=grant.camera,
        camera__in=visible_cameras(user),
    )
    stream = next(iter(streams), None)
    if stream is None:
        raise Withdrawn
    return stream


def user_behind(grant: Grant, now: datetime) -> User | AnonymousUser:
    """Return the active user on whose behalf the link was given out; nobody for public ones.

    Raises:
        Withdrawn: the session or the token is none any more.
    """
    if grant.issued_to is IssuedTo.PUBLIC:
        return AnonymousUser()
    if grant.issued_to is IssuedTo.SESSION:
        sessions = Session.objects.live(now).filter(pk=grant.issuer, user__is_active=True)
        session = sessions.select_related("user").first()
        if session is None:
            raise Withdrawn
        return session.user
    tokens = IntegrationToken.objects.live(now).filter(pk=grant.issuer, user__is_active=True)
    token = tokens.select_related("user").first()
    if token is None or not token.allows(Scope.LINKS):
        raise Withdrawn
    return token.user
