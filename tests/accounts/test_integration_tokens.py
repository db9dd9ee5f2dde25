"""GET and POST /api/v1/integration-tokens, DELETE /api/v1/integration-tokens/{id}"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from vms.accounts.integration import TooManyTokens, digest_of, make_token
from vms.accounts.models import IntegrationToken, Session, User
from vms.api.dates import wire_timestamp

PATH = "/api/v1/integration-tokens"
KEYS = ["id", "name", "scopes", "created_at", "last_used_at", "expires_at"]


def ask(client, **values):
    return client.post(PATH, {"name": "Nightly", "scopes": ["downloads"], **values}, format="json")


@pytest.fixture
def token():
    """Make a token of a user; returns its row and the token."""

    def token(user, *scopes, **values):
        values = {"name": "Nightly", "expires_at": None, "now": timezone.now(), **values}
        return make_token(user, scopes=scopes or ("downloads",), **values)

    return token


def test_makes_a_token_that_is_shown_once(api, alice, bearer):
    client = api(alice)
    answer = ask(client, scopes=["links", "downloads"])
    assert answer.status_code == 200
    made = answer.json()
    assert list(made) == [*KEYS, "token"]
    assert (made["name"], made["scopes"]) == ("Nightly", ["downloads", "links"])
    assert (made["last_used_at"], made["expires_at"]) == (None, None)
    assert made["token"].startswith("vms_")
    assert len(made["token"]) == 47
    assert answer["Cache-Control"] == "no-store"
    [listed] = client.get(PATH).json()["data"]
    secret = made.pop("token")
    assert listed == made
    assert bearer(secret).get("/api/v1/downloads").status_code == 200


def test_keeps_only_the_digest(api, alice):
    secret = ask(api(alice)).json()["token"]
    row = IntegrationToken.objects.values().get()
    assert row["digest"] == digest_of(secret)
    assert secret not in str(row)


def test_writes_the_token_to_no_log(api, alice, bearer, caplog):
    with caplog.at_level(logging.DEBUG):
        secret = ask(api(alice)).json()["token"]
        bearer(secret).get("/api/v1/downloads")
        bearer(secret).get("/api/v1/user")
        bearer(secret + "x").get("/api/v1/downloads")
    assert caplog.records
    assert secret not in caplog.text


def test_lists_mine_newest_first(api, alice, mallory, token):
    now = timezone.now()
    old, _ = token(alice, now=now - timedelta(days=2), expires_at=now - timedelta(days=1))
    new, _ = token(alice, now=now)
    gone, _ = token(alice)
    token(mallory)
    client = api(alice)
    assert client.delete(f"{PATH}/{gone.pk}").json() == {"status": "ok"}
    body = client.get(PATH).json()
    assert [row["id"] for row in body["data"]] == [new.pk, old.pk]
    assert body["data"][1]["expires_at"] == wire_timestamp(old.expires_at)
    assert body["meta"]["total"] == 2


@pytest.mark.parametrize("rows", [1, 12])
def test_asks_the_database_as_often_for_many_rows_as_for_few(
    api, alice, token, rows, django_assert_max_num_queries
):
    for _ in range(rows):
        token(alice)
    client = api(alice)
    with django_assert_max_num_queries(4):
        assert len(client.get(PATH).json()["data"]) == rows


def test_lets_a_program_in_with_one_query_more_than_it_needs(
    alice, token, bearer, django_assert_num_queries
):
    _row, secret = token(alice)
    client = bearer(secret)
    client.get("/api/v1/downloads")
    with django_assert_num_queries(2):
        assert client.get("/api/v1/downloads").json()["data"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/v1/user"),
        ("put", "/api/v1/user/password"),
        ("get", "/api/v1/sessions"),
        ("get", PATH),
        ("post", PATH),
        ("delete", f"{PATH}/{'0' * 32}"),
        ("post", "/api/v1/ws-ticket"),
        ("post", "/broadcasting/auth"),
    ],
)
def test_refuses_programs_elsewhere_and_says_why(alice, token, bearer, method, path):
    row, secret = token(alice, "links", "downloads")
    answer = getattr(bearer(secret), method)(path)
    assert answer.status_code == 403
    assert answer.json() == {
        "message": "Integration tokens are not accepted here; sign in as a user."
    }
    row.refresh_from_db()
    assert (row.revoked_at, row.last_used_at) == (None, None)


@pytest.mark.parametrize("path", ["/api/v1/downloads", "/api/v1/users/downloads"])
def test_refuses_a_program_without_the_scope_and_names_it(alice, token, bearer, path):
    _row, secret = token(alice, "links")
    answer = bearer(secret).get(path)
    assert answer.status_code == 403
    assert answer.json() == {"message": "This token does not have the scope downloads."}


def test_is_no_refresh_token(alice, token, stranger):
    _row, secret = token(alice)
    body = {"refresh_token": secret}
    assert stranger.post("/api/v1/token/refresh", body, format="json").status_code == 401


def test_refuses_a_revoked_token_at_once(api, alice, token, bearer):
    row, secret = token(alice)
    program = bearer(secret)
    assert program.get("/api/v1/downloads").status_code == 200
    client = api(alice)
    assert client.delete(f"{PATH}/{row.pk}").status_code == 200
    answer = program.get("/api/v1/downloads")
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})
    assert answer["WWW-Authenticate"] == "Bearer"
    assert client.delete(f"{PATH}/{row.pk}").status_code == 404


def test_refuses_an_expired_token(alice, token, bearer):
    row, secret = token(alice, expires_at=timezone.now() + timedelta(hours=1))
    assert bearer(secret).get("/api/v1/downloads").status_code == 200
    IntegrationToken.objects.filter(pk=row.pk).update(expires_at=timezone.now())
    assert bearer(secret).get("/api/v1/downloads").status_code == 401


def test_ends_with_its_owner(alice, token, bearer):
    _row, secret = token(alice)
    User.objects.update(is_active=False)
    assert bearer(secret).get("/api/v1/downloads").status_code == 401


@pytest.mark.parametrize("wrong", ["vms_", "vms_x", "vms_é", "vms_\x00", "vms_" + "A" * 5000])
def test_refuses_what_is_no_token(bearer, wrong, db):
    assert bearer(wrong).get("/api/v1/downloads").status_code == 401


def test_refuses_the_digest_for_the_token(alice, token, bearer):
    row, _secret = token(alice)
    assert bearer(f"vms_{row.digest}").get("/api/v1/downloads").status_code == 401
    assert bearer(row.digest).get("/api/v1/downloads").status_code == 401


def test_notes_its_use_every_five_minutes(alice, token, bearer):
    row, secret = token(alice)
    client = bearer(secret)
    client.get("/api/v1/downloads")
    row.refresh_from_db()
    first = row.last_used_at
    assert timezone.now() - first < timedelta(seconds=10)
    client.get("/api/v1/downloads")
    row.refresh_from_db()
    assert row.last_used_at == first
    IntegrationToken.objects.update(last_used_at=first - timedelta(minutes=6))
    client.get("/api/v1/downloads")
    row.refresh_from_db()
    assert row.last_used_at >= first


def test_finds_no_token_of_somebody_else(api, alice, mallory, token):
    row, _secret = token(alice)
    client = api(mallory)
    assert client.delete(f"{PATH}/{row.pk}").status_code == 404
    assert client.delete(f"{PATH}/{'0' * 32}").json() == {"message": "Not found."}
    assert client.delete(f"{PATH}/%00").status_code == 404
    row.refresh_from_db()
    assert row.revoked_at is None
    assert client.get(PATH).json()["data"] == []


def test_refuses_strangers(stranger):
    assert stranger.get(PATH).status_code == 401
    assert ask(stranger).status_code == 401
    assert stranger.delete(f"{PATH}/{'0' * 32}").status_code == 401


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "x" * 101}, {"name"}),
        ({"scopes": []}, {"scopes"}),
        ({"scopes": "downloads"}, {"scopes"}),
        ({"scopes": ["downloads", "admin"]}, {"scopes.1"}),
        ({"scopes": [["downloads"]]}, {"scopes.0"}),
        ({"scopes": ["downloads"] * 4}, {"scopes"}),
        ({"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at"}),
        ({"expires_at": "tomorrow"}, {"expires_at"}),
        ({"name": None, "scopes": None, "expires_at": 5}, {"name", "scopes", "expires_at"}),
    ],
)
def test_refuses_wrong_values(api, alice, values, keys):
    answer = ask(api(alice), **values)
    assert (answer.status_code, set(answer.json()["errors"])) == (422, keys)
    assert not IntegrationToken.objects.exists()


def test_names_the_scopes_there_are(api, alice):
    errors = ask(api(alice), scopes=["everything"]).json()["errors"]
    assert errors == {"scopes.0": ["Write one of: links, downloads, webhooks."]}


def test_takes_an_end(api, alice):
    assert ask(api(alice), expires_at=None).json()["expires_at"] is None
    made = ask(api(alice), expires_at="2999-01-01T03:00:00+03:00").json()
    assert made["expires_at"] == "2999-01-01T00:00:00.000000Z"


def test_makes_no_more_than_the_operator_allows(api, alice, mallory, token, settings):
    settings.VMS = {**settings.VMS, "VMS_MAX_INTEGRATION_TOKENS_PER_USER": 2}
    now = timezone.now()
    token(alice, now=now - timedelta(days=2), expires_at=now - timedelta(days=1))
    token(mallory)
    client = api(alice)
    first = ask(client).json()
    assert ask(client).status_code == 200
    answer = ask(client)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["integration_token"])
    client.delete(f"{PATH}/{first['id']}")
    assert ask(client).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_makes_no_more_when_many_ask_at_the_same_moment(alice, token, settings):
    settings.VMS = {**settings.VMS, "VMS_MAX_INTEGRATION_TOKENS_PER_USER": 2}
    ready = Barrier(6)

    def make(_number):
        ready.wait()
        try:
            token(alice)
        except TooManyTokens:
            return "refused"
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(6) as threads:
        answers = sorted(threads.map(make, range(6)))
    assert answers == ["made"] * 2 + ["refused"] * 4
    assert IntegrationToken.objects.count() == 2


def test_limits_how_often_a_user_asks(api, alice, mallory):
    client = api(alice)
    for _ in range(20):
        assert ask(client, name="").status_code == 422
    answer = ask(client)
    assert answer.status_code == 429
    assert 590 <= int(answer["Retry-After"]) <= 600
    assert client.get(PATH).status_code == 200
    assert ask(api(mallory)).status_code == 200


def test_is_left_alone_by_a_new_password(api, alice, token, bearer):
    _row, secret = token(alice)
    api(alice)
    Session.objects.update(revoked_at=timezone.now())
    assert bearer(secret).get("/api/v1/downloads").status_code == 200
