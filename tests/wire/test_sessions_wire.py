"""Signing in, sessions and the address of the sockets, key by key: names, types, nulls, formats."""

from __future__ import annotations

import re

import pytest
from rest_framework.test import APIClient

from tests.conftest import PASSWORD
from vms.accounts.models import User

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
SHORT_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
SESSION_ID = re.compile(r"[0-9a-f]{32}")
TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
LINK = re.compile(r"http://testserver/.*")
TEXT = re.compile(r".+")
NEW = "a fresh staple for horses"

USER = {
    "id": int,
    "login": TEXT,
    "name": TEXT,
    "parent_id": None,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
    "access_token_id": SESSION_ID,
    "can_update_password": bool,
}
PAIR = {
    "access_token": TOKEN,
    "token_type": re.compile("Bearer"),
    "expires_at": TIMESTAMP,
    "refresh_token": TOKEN,
}
SESSION = {
    "id": SESSION_ID,
    "client": TEXT,
    "uuid": TEXT,
    "address": TEXT,
    "created_at": TIMESTAMP,
    "last_used_at": TIMESTAMP,
    "expires_at": TIMESTAMP,
    "is_current": bool,
}
PAGE = {
    "links": {"first": LINK, "last": LINK, "prev": None, "next": None},
    "meta": {
        "current_page": int,
        "from": int,
        "last_page": int,
        "links": [
            {"url": None, "label": re.compile("pagination.previous"), "active": bool},
            {"url": LINK, "label": re.compile("1"), "active": bool},
            {"url": None, "label": re.compile("pagination.next"), "active": bool},
        ],
        "path": LINK,
        "per_page": int,
        "to": int,
        "total": int,
    },
}
STATUS = {"status": re.compile("ok")}
MESSAGE = {"message": TEXT}
UNAUTHENTICATED = {"message": re.compile(r"Unauthenticated\.")}
INVALID = re.compile(r"The given data was invalid\.")


def assert_form(ours, form, where="$"):
    """Compare keys, types, nulls and formats; no key more or less than *form* has."""
    if isinstance(form, dict):
        assert isinstance(ours, dict), where
        assert set(ours) == set(form), where
        for key, inner in form.items():
            assert_form(ours[key], inner, f"{where}.{key}")
    elif isinstance(form, list):
        assert isinstance(ours, list), where
        assert len(ours) == len(form), where
        for number, (item, inner) in enumerate(zip(ours, form, strict=True)):
            assert_form(item, inner, f"{where}.{number}")
    elif isinstance(form, re.Pattern):
        assert isinstance(ours, str), where
        assert form.fullmatch(ours), f"{where}: {ours!r}"
    elif form is None:
        assert ours is None, where
    else:
        assert type(ours) is form, where


def refused(*keys):
    return {"message": INVALID, "errors": {key: [TEXT] for key in keys}}


@pytest.fixture
def device(db):
    """A device that names itself, not signed in."""
    client = APIClient()
    client.credentials(HTTP_X_CLIENT="ios-cctv", HTTP_X_UUID="D-1")
    return client


def sign_in(device, login="alice", path="/api/v1/token", **fields):
    body = {"login": login, "password": PASSWORD, **fields}
    return device.post(path, body, format="json")


@pytest.fixture
def phone(device, alice):
    """The device, signed in as alice."""
    pair = sign_in(device).json()
    device.credentials(
        HTTP_AUTHORIZATION=f"Bearer {pair['access_token']}",
        HTTP_X_CLIENT="ios-cctv",
        HTTP_X_UUID="D-1",
    )
    return device


@pytest.mark.parametrize("parent_form", [None, int])
def test_answers_a_sign_in_as_documented(device, alice, bob, parent_form):
    answer = sign_in(device, "alice" if parent_form is None else "bob")
    assert answer.status_code == 200
    assert_form(answer.json(), {"user": {**USER, "parent_id": parent_form}, **PAIR})


def test_takes_the_other_documented_keys_of_a_sign_in(device, alice):
    answer = sign_in(device, session_id=None, captcha="x7k", key="k")
    assert answer.status_code == 200


def test_answers_an_operators_sign_in_as_documented(device, operator):
    answer = sign_in(device, "operator", "/api/admin/v1/auth/token")
    assert answer.status_code == 200
    assert_form(answer.json(), {"user": USER, **PAIR, "expires_at": SHORT_TIME})


@pytest.mark.parametrize("path", ["/api/v1/token", "/api/admin/v1/auth/token"])
def test_refuses_a_sign_in_as_documented(device, alice, path):
    wrong = sign_in(device, path=path, password="wrong")
    assert wrong.status_code == 422
    assert_form(wrong.json(), refused("login"))
    empty = device.post(path, {}, format="json")
    assert empty.status_code == 422
    assert_form(empty.json(), refused("login", "password"))


@pytest.mark.parametrize(
    ("path", "tries"), [("/api/v1/token", 20), ("/api/admin/v1/auth/token", 20)]
)
def test_says_when_to_sign_in_again(device, path, tries):
    for _ in range(tries):
        assert sign_in(device, "nobody", path).status_code == 422
    answer = sign_in(device, "nobody", path)
    assert answer.status_code == 429
    assert_form(answer.json(), MESSAGE)
    assert re.fullmatch(r"\d+", answer["Retry-After"])


def test_answers_a_refresh_as_documented(device, alice):
    first = sign_in(device).json()
    body = {"refresh_token": first["refresh_token"]}
    answer = device.post("/api/v1/token/refresh", body, format="json")
    assert answer.status_code == 200
    assert_form(answer.json(), PAIR)
    again = device.post("/api/v1/token/refresh", body, format="json")
    assert again.status_code == 401
    assert_form(again.json(), UNAUTHENTICATED)
    empty = device.post("/api/v1/token/refresh", {}, format="json")
    assert empty.status_code == 422
    assert_form(empty.json(), refused("refresh_token"))


def test_lists_sessions_as_documented(phone):
    answer = phone.get("/api/v1/sessions")
    assert answer.status_code == 200
    assert_form(answer.json(), {"data": [SESSION], **PAGE})
    [session] = answer.json()["data"]
    assert (session["client"], session["uuid"], session["is_current"]) == ("ios-cctv", "D-1", True)


def test_lists_a_session_that_told_nothing(phone, alice):
    sign_in(APIClient(REMOTE_ADDR=""))
    newest, _own = phone.get("/api/v1/sessions").json()["data"]
    silent = {**SESSION, "client": re.compile(""), "uuid": re.compile(""), "address": None}
    assert_form(newest, silent)


@pytest.mark.parametrize("method", ["post", "delete"])
def test_ends_a_session_as_documented(phone, method):
    [session] = phone.get("/api/v1/sessions").json()["data"]
    path = f"/api/v1/sessions/{session['id']}"
    missing = getattr(phone, method)(f"/api/v1/sessions/{'0' * 32}")
    assert missing.status_code == 404
    assert_form(missing.json(), {"message": re.compile(r"Not found\.")})
    answer = getattr(phone, method)(path)
    assert answer.status_code == 200
    assert_form(answer.json(), STATUS)
    gone = phone.get("/api/v1/user")
    assert (gone.status_code, gone["WWW-Authenticate"]) == (401, "Bearer")
    assert_form(gone.json(), UNAUTHENTICATED)


def test_answers_the_user_as_documented(phone, mallory):
    assert_form(phone.get("/api/v1/user").json(), USER)
    User.objects.filter(login="alice").update(parent=mallory)
    assert_form(phone.get("/api/v1/user").json(), {**USER, "parent_id": int})


def test_names_the_session_by_which_its_channel_is_called(phone):
    [session] = phone.get("/api/v1/sessions").json()["data"]
    assert phone.get("/api/v1/user").json()["access_token_id"] == session["id"]


def test_changes_a_password_as_documented(phone):
    body = {"old_password": PASSWORD, "password": NEW, "password_confirmation": NEW}
    answer = phone.put("/api/v1/user/password", body, format="json")
    assert answer.status_code == 200
    assert_form(answer.json(), STATUS)
    empty = phone.put("/api/v1/user/password", {}, format="json")
    assert empty.status_code == 422
    assert_form(empty.json(), refused("old_password", "password", "password_confirmation"))


@pytest.mark.parametrize(
    ("public", "ws_url", "port", "is_encrypted"),
    [
        ("https://vms.example.org", "wss://vms.example.org/ws", 443, True),
        (None, "ws://testserver/ws", 80, False),
    ],
)
def test_tells_where_the_sockets_are_as_documented(
    device, settings, public, ws_url, port, is_encrypted
):
    settings.PUBLIC_URL = public
    answer = device.get("/api/v1/wsurl")
    assert answer.status_code == 200
    form = {
        "ws_url": TEXT,
        "app_key": TEXT,
        "port": int,
        "host": TEXT,
        "path": re.compile("/ws"),
        "is_encrypted": bool,
    }
    assert_form(answer.json(), form)
    told = answer.json()
    assert (told["ws_url"], told["port"], told["is_encrypted"]) == (ws_url, port, is_encrypted)


def test_limits_questions_for_the_sockets_as_documented(device):
    assert [device.get("/api/v1/wsurl").status_code for _ in range(20)] == [200] * 20
    answer = device.get("/api/v1/wsurl")
    assert answer.status_code == 429
    assert_form(answer.json(), MESSAGE)
    assert 1 <= int(answer["Retry-After"]) <= 300
