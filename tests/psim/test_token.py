"""`/token`, and the ways to say who one is."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from rest_framework.test import APIClient

from exports.psim import tokens
from exports.psim.models import PsimToken
from tests.conftest import PASSWORD
from tests.psim.conftest import Psim, basic, refused
from vms.accounts.integration import make_token
from vms.accounts.services import change_password, open_session
from vms.api.clients import Client

LIMIT = 20


@pytest.fixture
def task_id(psim, alice, yard):
    return psim(alice).task(yard)


def get_token(client, query=""):
    answer = client.client.get(f"/token{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def bearer(token):
    return Psim(f"Bearer {token}")


def in_address(task_id, token, name="token"):
    return APIClient().get("/getarchivetaskstatus", {"archivetaskid": task_id, name: token})


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("", 1800),
        ("?expires_in=", 1800),
        ("?expires_in=60", 60),
        ("?EXPIRES_IN=0060", 60),
        ("?expires_in=86400", 86_400),
        ("?expires_in=86401", 86_400),
        ("?expires_in=99999999999999999999999", 86_400),
    ],
)
def test_lasts_as_long_as_asked_a_day_at_most(psim, alice, query, seconds):
    before = timezone.now()
    body = get_token(psim(alice), query)

    assert body["expires_in"] == str(seconds)
    lasts = PsimToken.objects.get().expires_at - before
    assert timedelta(seconds=seconds) <= lasts < timedelta(seconds=seconds + 60)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_reads_the_seconds_from_a_body_too(psim, alice, kind):
    body = '{"expires_in": 60}' if kind.endswith("json") else "expires_in=60"
    answer = psim(alice).client.generic("POST", "/token", body, content_type=kind)
    assert answer.json()["expires_in"] == "60"


@pytest.mark.parametrize("text", ["-1", "1.5", "abc", "1e3", "%D9%A1", "%00", "0x10"])
def test_refuses_what_is_no_number_of_seconds(psim, alice, text):
    refused(psim(alice).client.get(f"/token?expires_in={text}"), 400)
    assert not PsimToken.objects.exists()


def test_opens_all_calls_from_the_header_and_from_the_address(psim, alice, yard, task_id):
    token = get_token(psim(alice))["access_token"]

    client = bearer(token)
    assert client.create(yard.pk).status_code == 200
    assert client.status(task_id).status_code == 200
    for name in ("token", "Token"):
        assert in_address(task_id, token, name).status_code == 200
    assert client.delete(task_id).status_code == 200


def test_is_worth_nothing_to_the_other_calls_of_the_server(psim, alice):
    answer = bearer(get_token(psim(alice))["access_token"]).client.get("/api/v1/user")
    assert answer.status_code == 401


def test_is_kept_as_a_digest(psim, alice):
    token = get_token(psim(alice))["access_token"]
    kept = PsimToken.objects.get()
    assert token not in f"{kept.digest} {kept.password_hash} {kept}"
    assert PsimToken.objects.filter(digest=token).count() == 0


def test_ends_the_one_before(psim, alice, bob, task_id):
    first = get_token(psim(alice))["access_token"]
    others = get_token(psim(bob))["access_token"]
    second = get_token(psim(alice))["access_token"]

    refused(bearer(first).status(task_id), 401)
    assert bearer(second).status(task_id).status_code == 200
    refused(bearer(others).status(task_id), 404)
    assert PsimToken.objects.filter(user=alice).count() == 1


def test_ends_in_time(psim, alice, task_id):
    token = get_token(psim(alice))["access_token"]
    PsimToken.objects.update(expires_at=timezone.now())
    refused(bearer(token).status(task_id), 401)
    refused(in_address(task_id, token), 401)


@pytest.mark.parametrize("by", ["password", "header", "address"])
def test_is_ended_by_zero_seconds(psim, alice, task_id, by):
    token = get_token(psim(alice))["access_token"]
    ending = {
        "password": lambda: psim(alice).client.post("/token?expires_in=0"),
        "header": lambda: bearer(token).client.get("/token?expires_in=0"),
        "address": lambda: APIClient().get(f"/token?expires_in=0&token={token}"),
    }[by]

    answer = ending()

    assert answer.status_code == 200
    assert answer.json() == {"access_token": "", "token_type": "bearer", "expires_in": "0"}
    assert answer["Cache-Control"] == "no-store"
    refused(bearer(token).status(task_id), 401)


def test_gets_no_other_token(psim, alice):
    token = get_token(psim(alice))["access_token"]
    refused(bearer(token).client.get("/token"), 401)
    refused(APIClient().get(f"/token?token={token}"), 401)


def test_ends_with_the_password_and_with_the_user(psim, alice, task_id):
    token = get_token(psim(alice))["access_token"]
    session, _pair = open_session(alice, Client(), timezone.now())
    change_password(alice, "another staple", session, timezone.now())
    refused(bearer(token).status(task_id), 401)

    token = tokens.make_token(alice, 60, timezone.now())
    assert bearer(token).status(task_id).status_code == 200
    alice.is_active = False
    alice.save()
    refused(bearer(token).status(task_id), 401)


def test_other_bearers_of_the_server_open_the_calls_too(alice, task_id):
    now = timezone.now()
    _session, pair = open_session(alice, Client(), now)
    assert bearer(pair.access).status(task_id).status_code == 200
    for scope, status in (("downloads", 200), ("links", 403)):
        _row, secret = make_token(alice, name=scope, scopes=[scope], expires_at=None, now=now)
        assert bearer(secret).status(task_id).status_code == status
        # In an address only what lasts a day at most.
        refused(in_address(task_id, secret), 401)
    refused(in_address(task_id, pair.access), 401)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YWxpY2U=",
        "Basic " + base64.b64encode(b":password").decode(),
        "Basic " + base64.b64encode(b"alice:\x00").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        basic("alice", "wrong"),
        basic("nobody"),
        basic("alice", ""),
        "Bearer",
        "Bearer vms_psim_wrong",
        "Bearer vms_wrong",
        "Bearer wrong",
        "Digest username=alice",
    ],
)
def test_asks_for_a_password_or_a_token(alice, task_id, header):
    client = Psim(header)
    for answer in (client.status(task_id), client.create(1), client.delete(task_id)):
        refused(answer, 401)
        assert answer["WWW-Authenticate"].startswith('Basic realm="VMS"')
        assert "Bearer" in answer["WWW-Authenticate"]
        assert "Set-Cookie" not in answer


def test_an_inactive_user_is_nobody(psim, alice, task_id):
    alice.is_active = False
    alice.save()
    refused(psim(alice).status(task_id), 401)
    refused(psim(alice).client.get("/token"), 401)


def test_getting_tokens_is_limited_as_signing_in_is(psim, alice):
    client = psim(alice).client
    for _ in range(LIMIT):
        assert client.get("/token").status_code == 200
    answer = client.post("/token")
    refused(answer, 429)
    assert int(answer["Retry-After"]) > 0
    body = {"login": "alice", "password": PASSWORD}
    assert APIClient().post("/api/v1/token", body, format="json").status_code == 429


def test_wrong_passwords_are_limited_for_an_address_and_for_a_login(alice, task_id):
    wrong = Psim(basic("alice", "wrong"))
    for _ in range(LIMIT - 1):  # one was the first order's
        refused(wrong.status(task_id), 401)
    refused(wrong.status(task_id), 429)
    elsewhere = Psim(basic("alice", "wrong"))
    refused(elsewhere.status(task_id, REMOTE_ADDR="192.0.2.9"), 429)
    refused(Psim(basic("bob")).status(task_id), 429)


def test_polling_with_a_right_password_is_not_limited(psim, alice, task_id):
    client = psim(alice)
    for _ in range(2 * LIMIT):
        assert client.status(task_id).status_code == 200


def test_a_remembered_password_is_hashed_once(psim, alice, task_id, monkeypatch):
    client = psim(alice)
    client.status(task_id)

    def unwanted(*_args):
        raise AssertionError("hashed again")

    monkeypatch.setattr("exports.psim.passwords.checked_user", unwanted)
    assert client.status(task_id).status_code == 200
    # What is remembered is neither the password nor opened by another one.
    kept = cache.get(f"psim.basic.{alice.pk}")
    assert PASSWORD not in kept
    with pytest.raises(AssertionError, match="hashed again"):
        Psim(basic("alice", "wrong")).status(task_id)


def test_a_remembered_password_is_forgotten_with_a_change(psim, alice, task_id):
    client = psim(alice)
    client.status(task_id)
    alice.set_password("another staple")
    alice.save()
    refused(client.status(task_id), 401)


def test_does_without_a_cache(psim, alice, yard, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert psim(alice).create(yard.pk).status_code == 200
    refused(Psim(basic("alice", "wrong")).create(yard.pk), 401)
