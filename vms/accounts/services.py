"""What can happen to a session: it opens, its tokens change, it ends. And to a password."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction

from vms.accounts.models import Session, SessionQuerySet, User
from vms.accounts.sockets import close_sockets
from vms.accounts.tokens import ID_FORM, TokenPair, make_pair, read_refresh
from vms.api.clients import Client

logger = structlog.get_logger(__name__)

TOUCH_EVERY = timedelta(minutes=5)
# So long operators see a session that is over; so many are forgotten at a time.
KEPT, AT_ONCE = timedelta(days=30), 1000


class BadCredentials(Exception):
    """No such user, a wrong password, or a user who may not sign in here: which is not told."""


def sign_in(login: str, password: str, client: Client, now: datetime) -> tuple[Session, TokenPair]:
    """Open a session for the user with this login and password.

    Raises:
        BadCredentials: after the time that checking a password takes, whether the user exists.
    """
    user = checked_user(login, password)
    if user is None:
        raise BadCredentials
    return open_session(user, client, now)


def sign_in_operator(
    login: str, password: str, client: Client, now: datetime
) -> tuple[Session, TokenPair]:
    """Open a session as `sign_in` does, for operators only.

    Raises:
        BadCredentials: also for a right password of somebody who is no operator.
    """
    user = checked_user(login, password)
    if user is None or not user.is_staff:
        raise BadCredentials
    return open_session(user, client, now)


def checked_user(login: str, password: str) -> User | None:
    """Find the active user whose password this is; takes as long for a login nobody has."""
    user = User.objects.filter(login=login).first()
    if user is None:
        User().set_password(password)
        return None
    return user if user.check_password(password) and user.is_active else None


def open_session(user: User, client: Client, now: datetime) -> tuple[Session, TokenPair]:
    """Make a session and its first tokens without asking for a password.

    The user's oldest session ends when there are as many as the operator allows.
    """
    with transaction.atomic():
        # Held while they are counted: of two that sign in at once neither overlooks the other.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        end_oldest_sessions(user, settings.VMS["VMS_MAX_SESSIONS_PER_USER"] - 1, now)
        session = Session.objects.create(
            user=user,
            refresh_id=uuid.uuid4().hex,
            client=client.name,
            device=client.device,
            address=client.address,
            created_at=now,
            last_used_at=now,
            expires_at=now + settings.REFRESH_TOKEN_LIFETIME,
        )
    return session, make_pair(session, now)


def end_oldest_sessions(user: User, keep: int, now: datetime) -> int:
    """End all live sessions of *user* but the *keep* newest."""
    newest_first = Session.objects.live(now).filter(user=user).order_by("-created_at", "id")
    oldest = list(newest_first.values_list("pk", flat=True)[keep:])
    return end_sessions(Session.objects.filter(pk__in=oldest), now) if oldest else 0


def rotate(refresh_token: str, now: datetime) -> TokenPair | None:
    """Trade a refresh token for a new pair and keep the session for another stretch.

    None when the token is worth nothing. One that was traded before ends its session: two
    parties hold it, and which of them is the thief cannot be told.
    """
    claims = read_refresh(refresh_token, now)
    if claims is None:
        return None
    session = Session.objects.live(now).select_related("user").filter(pk=claims.session_id).first()
    if session is None or not session.user.is_active:
        return None
    session.refresh_id = uuid.uuid4().hex
    session.expires_at = now + settings.REFRESH_TOKEN_LIFETIME
    won = (
        Session.objects.live(now)
        .filter(pk=session.pk, refresh_id=claims.refresh_id)
        .update(refresh_id=session.refresh_id, expires_at=session.expires_at, last_used_at=now)
    )
    if not won:
        end_sessions(Session.objects.filter(pk=session.pk), now)
        logger.warning("refresh_token_reused", session_id=session.pk, user_id=session.user_id)
        return None
    return make_pair(session, now)


def touch(session: Session, now: datetime) -> None:
    """Note that a session is in use; written once in five minutes, not at each request."""
    if now - session.last_used_at >= TOUCH_EVERY:
        Session.objects.filter(pk=session.pk).update(last_used_at=now)


def end_sessions(sessions: SessionQuerySet, now: datetime) -> int:
    """End those of *sessions* that have not ended, and close their sockets; answers how many."""
    with transaction.atomic():
        open_ones = sessions.filter(revoked_at=None)
        session_ids = list(open_ones.values_list("pk", flat=True))
        ended = open_ones.update(revoked_at=now)
        transaction.on_commit(partial(close_sockets, session_ids))
    return ended


def end_session(user: User, session_id: str, now: datetime) -> bool:
    """End one live session of *user*; False when there is none with this id.

    What does not look like an id is not asked of the database, which takes no NUL in a text.
    """
    if not ID_FORM.fullmatch(session_id):
        return False
    return end_sessions(Session.objects.live(now).filter(user=user, pk=session_id), now) > 0


def end_other_sessions(user: User, keep: Session, now: datetime) -> int:
    """End every session of *user* but *keep*."""
    return end_sessions(Session.objects.filter(user=user).exclude(pk=keep.pk), now)


def end_all_sessions(user: User, now: datetime) -> int:
    """End every session of *user*: somebody else gave this user a new password."""
    return end_sessions(Session.objects.filter(user=user), now)


@transaction.atomic
def forget_sessions(now: datetime) -> int:
    """Delete sessions that nothing could use for KEPT; some at a time. Returns how many.

    A session that was ended goes with those of its age: until then operators see that it was.
    """
    old = Session.objects.filter(expires_at__lt=now - KEPT).order_by("expires_at")
    deleted, _ = Session.objects.filter(
        pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])
    ).delete()
    return deleted


def change_password(user: User, password: str, keep: Session, now: datetime) -> None:
    """Set the password of *user*; whoever signed in with the old one, except here, is out."""
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    end_other_sessions(user, keep, now)
