"""GET /api/v1/user and PUT /api/v1/user/password"""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests.conftest import PASSWORD
from vms.accounts.models import Session, User
from vms.accounts.serializers import UserSerializer
from vms.accounts.services import open_session
from vms.api.clients import Client
from vms.api.dates import wire_timestamp

NEW = "a fresh staple for horses"
KEYS = [
    "id",
    "login",
    "name",
    "parent_id",
    "created_at",
    "updated_at",
    "access_token_id",
    "can_update_password",
]


def change(client, **values):
    body = {"old_password": PASSWORD, "password": NEW, "password_confirmation": NEW, **values}
    return client.put("/api/v1/user/password", body, format="json")


def test_answers_the_documented_user(api, alice):
    answer = api(alice).get("/api/v1/user")
    assert answer.status_code == 200
    assert list(answer.json()) == KEYS
    assert answer.json() == {
        "id": alice.pk,
        "login": "alice",
        "name": "Alice",
        "parent_id": None,
        "created_at": wire_timestamp(alice.created_at),
        "updated_at": wire_timestamp(alice.updated_at),
        "access_token_id": Session.objects.get().pk,
        "can_update_password": True,
    }


def test_names_the_session_only_to_its_own_user(alice, mallory):
    session, _pair = open_session(alice, Client(), timezone.now())
    assert UserSerializer(mallory, context={"session": session}).data["access_token_id"] is None
    assert UserSerializer(alice).data["access_token_id"] is None


def test_refuses_strangers(stranger):
    assert stranger.get("/api/v1/user").status_code == 401
    assert change(stranger).status_code == 401


def test_changes_the_password_and_ends_other_sessions(api, alice, sign_in):
    other, client = api(alice), api(alice)
    answer = change(client)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert client.get("/api/v1/user").status_code == 200
    assert other.get("/api/v1/user").status_code == 401
    assert sign_in().status_code == 422
    assert sign_in(password=NEW).status_code == 200


def test_limits_guesses_of_the_old_password_for_a_user(api, alice, mallory):
    for _ in range(20):
        assert change(api(alice), old_password="wrong").status_code == 422
    answer = change(api(alice))
    assert answer.status_code == 429
    assert 590 <= int(answer["Retry-After"]) <= 600
    assert change(api(mallory)).status_code == 200


def test_changes_no_password_of_a_user_who_may_not(api, alice):
    User.objects.update(can_update_password=False)
    assert change(api(alice)).status_code == 403


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"old_password": "wrong"}, {"old_password"}),
        ({"password": "short", "password_confirmation": "short"}, {"password"}),
        ({"password": "password1", "password_confirmation": "password1"}, {"password"}),
        ({"password_confirmation": "another"}, {"password"}),
        ({"old_password": "wrong", "password": "short"}, {"old_password", "password"}),
        ({"password": "", "password_confirmation": None}, {"password", "password_confirmation"}),
    ],
)
def test_refuses_wrong_values(api, alice, values, keys):
    answer = change(api(alice), **values)
    assert (answer.status_code, set(answer.json()["errors"])) == (422, keys)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
