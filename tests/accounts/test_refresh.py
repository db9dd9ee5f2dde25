"""POST /api/v1/token/refresh"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from vms.accounts.models import Session, User
from vms.accounts.services import end_session, rotate
from vms.api.dates import wire_timestamp


@pytest.fixture
def refresh(stranger):
    def refresh(token):
        return stranger.post("/api/v1/token/refresh", {"refresh_token": token}, format="json")

    return refresh


def test_answers_a_new_pair(sign_in, refresh, alice, bearer):
    old = sign_in().json()
    answer = refresh(old["refresh_token"])
    assert answer.status_code == 200
    new = answer.json()
    assert set(new) == {"access_token", "token_type", "expires_at", "refresh_token"}
    assert new["refresh_token"] != old["refresh_token"]
    user = bearer(new["access_token"]).get("/api/v1/user").json()
    assert user["access_token_id"] == old["user"]["access_token_id"]


def test_goes_on_from_pair_to_pair(sign_in, refresh, alice):
    token = sign_in().json()["refresh_token"]
    for _ in range(3):
        token = refresh(token).json()["refresh_token"]
    assert Session.objects.count() == 1


def test_keeps_the_session_for_another_stretch(sign_in, alice, settings):
    token = sign_in().json()["refresh_token"]
    later = timezone.now() + timedelta(days=1)
    pair = rotate(token, later)
    session = Session.objects.get()
    assert pair is not None
    assert session.expires_at == later + settings.REFRESH_TOKEN_LIFETIME
    assert session.last_used_at == later


def test_ends_the_session_when_a_token_comes_twice(sign_in, refresh, alice, bearer):
    old = sign_in().json()
    new = refresh(old["refresh_token"]).json()
    assert refresh(old["refresh_token"]).status_code == 401
    assert Session.objects.get().revoked_at is not None
    assert refresh(new["refresh_token"]).status_code == 401
    assert bearer(new["access_token"]).get("/api/v1/user").status_code == 401


def test_leaves_other_sessions_alone_when_a_token_comes_twice(sign_in, refresh, alice, bearer):
    other = sign_in().json()
    token = sign_in().json()["refresh_token"]
    refresh(token)
    refresh(token)
    assert bearer(other["access_token"]).get("/api/v1/user").status_code == 200


def test_refuses_an_access_token(sign_in, refresh, alice):
    answer = refresh(sign_in().json()["access_token"])
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["x", "a.b.c", "é.é.é", "eyJhbGciOiJub25lIn0.e30."])
def test_refuses_nonsense(refresh, token, db):
    assert refresh(token).status_code == 401


def test_refuses_a_token_of_an_ended_session(sign_in, refresh, alice):
    token = sign_in().json()["refresh_token"]
    end_session(alice, Session.objects.get().pk, timezone.now())
    assert refresh(token).status_code == 401


def test_refuses_a_token_of_an_inactive_user(sign_in, refresh, alice):
    token = sign_in().json()["refresh_token"]
    User.objects.update(is_active=False)
    assert refresh(token).status_code == 401


def test_refuses_a_token_after_its_life(sign_in, alice, settings):
    token = sign_in().json()["refresh_token"]
    assert rotate(token, timezone.now() + settings.REFRESH_TOKEN_LIFETIME) is None


@pytest.mark.parametrize("body", [{}, {"refresh_token": ""}, {"refresh_token": 5 * [1]}])
def test_refuses_a_missing_token(stranger, body):
    answer = stranger.post("/api/v1/token/refresh", body, format="json")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["refresh_token"])


def test_writes_the_end_of_the_new_access_token(sign_in, alice, settings):
    now = timezone.now().replace(microsecond=0)
    pair = rotate(sign_in().json()["refresh_token"], now)
    assert pair is not None
    assert pair.expires_at == now + settings.ACCESS_TOKEN_LIFETIME
    assert wire_timestamp(pair.expires_at).endswith(".000000Z")
