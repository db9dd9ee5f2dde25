"""Bearer tokens: what is let in, what is refused, and when."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from vms.accounts.authentication import session_of_token
from vms.accounts.models import Session, User
from vms.accounts.services import open_session
from vms.api.clients import Client

WHO = "/api/v1/user"


@pytest.fixture
def token(alice) -> str:
    return open_session(alice, Client(), timezone.now())[1].access


def signed(**claims):
    return jwt.encode(claims, django_settings.SECRET_KEY, algorithm="HS256")


def test_lets_a_live_session_in_with_one_query(bearer, token, django_assert_num_queries):
    client = bearer(token)
    with django_assert_num_queries(1):
        assert client.get(WHO).json()["login"] == "alice"


def test_takes_the_scheme_in_any_case(stranger, token):
    answer = stranger.get(WHO, headers={"authorization": f"bearer {token}"})
    assert answer.status_code == 200


def test_finds_the_session_of_a_token(token, alice):
    session = session_of_token(token, timezone.now())
    assert session is not None
    assert (session.user, session) == (alice, Session.objects.get())


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer é", "Basic YTpi", "x"]
)
def test_refuses_what_is_no_token(stranger, header):
    answer = stranger.get(WHO, headers={"authorization": header} if header else {})
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})
    assert answer["WWW-Authenticate"] == "Bearer"


def test_takes_no_token_from_the_query(stranger, token):
    assert stranger.get(WHO, {"token": token}).status_code == 401


def test_refuses_a_refresh_token(bearer, alice):
    _session, pair = open_session(alice, Client(), timezone.now())
    assert bearer(pair.refresh).get(WHO).status_code == 401


def test_refuses_a_token_signed_with_another_key(bearer, token):
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, "another key of sufficient length....", algorithm="HS256")
    unsigned = jwt.encode(claims, None, algorithm="none")
    assert bearer(forged).get(WHO).status_code == 401
    assert bearer(unsigned).get(WHO).status_code == 401


@pytest.mark.parametrize("sid", [None, 5, "x", "a\x00", {"a": 1}, "0" * 32])
def test_refuses_a_token_of_no_session(bearer, sid, db):
    claims = {"sid": sid, "jti": "1", "exp": 9_999_999_999, "token_type": "access"}
    assert bearer(signed(**claims)).get(WHO).status_code == 401


def test_refuses_an_expired_token(token, bearer, alice, settings):
    now = timezone.now()
    assert session_of_token(token, now + settings.ACCESS_TOKEN_LIFETIME) is None
    _session, old = open_session(alice, Client(), now - settings.ACCESS_TOKEN_LIFETIME)
    assert bearer(old.access).get(WHO).status_code == 401


def test_refuses_a_revoked_session_at_once(bearer, token):
    client = bearer(token)
    assert client.get(WHO).status_code == 200
    Session.objects.update(revoked_at=timezone.now())
    assert client.get(WHO).status_code == 401


def test_refuses_an_expired_session(bearer, token):
    Session.objects.update(expires_at=timezone.now())
    assert bearer(token).get(WHO).status_code == 401


def test_refuses_an_inactive_user_at_once(bearer, token):
    User.objects.update(is_active=False)
    assert bearer(token).get(WHO).status_code == 401


def test_notes_the_use_of_a_session_every_five_minutes(bearer, token):
    client = bearer(token)
    recent, old = (timezone.now() - timedelta(minutes=minutes) for minutes in (4, 6))
    Session.objects.update(last_used_at=recent)
    client.get(WHO)
    assert Session.objects.get().last_used_at == recent
    Session.objects.update(last_used_at=old)
    client.get(WHO)
    assert timezone.now() - Session.objects.get().last_used_at < timedelta(seconds=10)
