"""POST /api/v1/token and POST /api/admin/v1/auth/token"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.utils import timezone

from vms.accounts.models import Session, User

OPERATORS = "/api/admin/v1/auth/token"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def test_answers_the_user_and_a_pair_of_tokens(sign_in, bob, alice):
    answer = sign_in("bob")
    assert answer.status_code == 200
    body = answer.json()
    session = Session.objects.get()
    assert set(body) == {"user", "access_token", "token_type", "expires_at", "refresh_token"}
    assert body["token_type"] == "Bearer"
    user = body["user"]
    assert TIMESTAMP.fullmatch(user.pop("created_at"))
    assert TIMESTAMP.fullmatch(user.pop("updated_at"))
    assert user == {
        "id": bob.pk,
        "login": "bob",
        "name": "Bob",
        "parent_id": alice.pk,
        "access_token_id": session.pk,
        "can_update_password": True,
    }


def test_answers_when_the_access_token_expires(sign_in, alice, settings):
    expires_at = sign_in().json()["expires_at"]
    assert TIMESTAMP.fullmatch(expires_at)
    left = datetime.fromisoformat(expires_at) - timezone.now()
    assert timedelta() < settings.ACCESS_TOKEN_LIFETIME - left < timedelta(seconds=10)


def test_gives_a_token_that_opens_the_api(sign_in, alice, bearer):
    assert bearer(sign_in().json()["access_token"]).get("/api/v1/user").status_code == 200


def test_keeps_client_device_and_address_with_the_session(sign_in, alice):
    sign_in(headers={"x-client": "ios-cctv", "x-uuid": "D-1"}, REMOTE_ADDR="192.0.2.7")
    session = Session.objects.get()
    assert (session.client, session.device, session.address) == ("ios-cctv", "D-1", "192.0.2.7")


def test_does_not_look_at_an_expired_token_that_is_sent_along(sign_in, alice):
    assert sign_in(headers={"authorization": "Bearer expired"}).status_code == 200


def test_signs_an_operator_in(sign_in, operator, bearer):
    body = sign_in("operator", path=OPERATORS).json()
    assert set(body) == {"user", "access_token", "token_type", "expires_at", "refresh_token"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", body["expires_at"])
    assert body["user"]["access_token_id"] == Session.objects.get().pk


def test_signs_no_client_in_as_operator(sign_in, alice):
    wrong = sign_in(password="wrong", path=OPERATORS)
    right = sign_in(path=OPERATORS)
    assert (right.status_code, right.json()) == (422, wrong.json())
    assert not Session.objects.exists()


def test_tells_a_wrong_password_and_an_unknown_login_apart_for_nobody(sign_in, alice, mallory):
    User.objects.filter(login="mallory").update(is_active=False)
    answers = [sign_in(password="wrong"), sign_in("nobody"), sign_in("mallory")]
    assert {answer.status_code for answer in answers} == {422}
    first, *others = [answer.json() for answer in answers]
    assert list(first["errors"]) == ["login"]
    assert others == [first, first]
    assert not Session.objects.exists()


def test_hashes_a_password_also_for_an_unknown_login(sign_in, alice, monkeypatch):
    hashed = []
    encode = MD5PasswordHasher.encode

    def count(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count)
    sign_in(password="wrong")
    known = len(hashed)
    sign_in("nobody", "wrong")
    assert (known, len(hashed)) == (1, 2)


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({}, {"login", "password"}),
        ({"login": "", "password": ""}, {"login", "password"}),
        ({"login": {}, "password": ["x"]}, {"login", "password"}),
        ({"login": "alice\x00", "password": "x" * 1025}, {"login", "password"}),
        ({"login": "a" * 151, "password": "x"}, {"login"}),
        ([], {"non_field_errors"}),
    ],
)
def test_refuses_wrong_values(stranger, body, keys):
    answer = stranger.post("/api/v1/token", body, format="json")
    assert (answer.status_code, set(answer.json()["errors"])) == (422, keys)


def test_limits_tries_for_a_login_from_any_address(sign_in, alice):
    for number in range(20):
        assert sign_in(password="wrong", REMOTE_ADDR=f"192.0.2.{number}").status_code == 422
    answer = sign_in(REMOTE_ADDR="192.0.2.99")
    assert answer.status_code == 429
    assert 590 <= int(answer["Retry-After"]) <= 600
    assert sign_in("mallory", REMOTE_ADDR="192.0.2.99").status_code == 422


@pytest.mark.parametrize("login", [777, 777.0, " 777 "])
def test_limits_tries_for_a_login_however_it_is_written(sign_in, db, login):
    name = str(login).strip()
    User.objects.create_user(name, "right")
    for number in range(20):
        spelling = name if number % 2 else login
        assert sign_in(spelling, "wrong", REMOTE_ADDR=f"192.0.2.{number}").status_code == 422
    assert sign_in(login, "right", REMOTE_ADDR="192.0.2.99").status_code == 429
    assert sign_in(name, "right", REMOTE_ADDR="192.0.2.99").status_code == 429


@pytest.mark.parametrize("login", [True, None, [], {}])
def test_refuses_a_login_that_is_no_text(sign_in, db, login):
    answer = sign_in(login)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["login"])


@pytest.mark.parametrize(
    "body", ['{"login": "\\ud800", "password": "x"}', '{"login": "x", "password": "\\udfff"}']
)
def test_refuses_half_a_character(stranger, db, body):
    answer = stranger.post("/api/v1/token", body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


def test_limits_tries_for_an_address_with_any_login(sign_in, alice):
    for number in range(20):
        assert sign_in(f"nobody{number}", path=OPERATORS).status_code == 422
    assert sign_in().status_code == 429
    assert sign_in(REMOTE_ADDR="192.0.2.1").status_code == 200


def test_signs_in_when_the_cache_cannot_be_reached(sign_in, alice, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert sign_in().status_code == 200
