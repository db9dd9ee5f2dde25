"""The operator pages of users and sessions."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests.conftest import PASSWORD
from vms.accounts.integration import make_token
from vms.accounts.models import Session, User
from vms.accounts.services import open_session
from vms.api.clients import Client


@pytest.fixture
def pages(client, db):
    User.objects.create_superuser("root", PASSWORD)
    client.login(username="root", password=PASSWORD)
    return client


@pytest.fixture
def session(alice) -> Session:
    return open_session(alice, Client("web", "D-1", "192.0.2.7"), timezone.now())[0]


def test_lets_an_operator_in_with_login_and_password(client, db):
    User.objects.create_superuser("root", PASSWORD)
    body = {"username": "root", "password": PASSWORD, "next": "/admin/"}
    assert client.post("/admin/login/", body).headers["Location"] == "/admin/"


def test_lets_no_client_in(client, alice):
    body = {"username": "alice", "password": PASSWORD, "next": "/admin/"}
    assert client.post("/admin/login/", body).status_code == 200
    assert client.get("/admin/").status_code == 302


def test_adds_a_user_with_a_hashed_password(pages, alice):
    body = {
        "login": "carol",
        "name": "Carol",
        "parent": alice.pk,
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    assert pages.post("/admin/accounts/user/add/", body).status_code == 302
    carol = User.objects.get(login="carol")
    assert carol.check_password(PASSWORD)
    assert carol.parent == alice


def test_changes_a_user_without_touching_the_password(pages, alice):
    address = f"/admin/accounts/user/{alice.pk}/change/"
    page = pages.get(address).content.decode()
    assert alice.password not in page
    body = {"login": "alice", "name": "Alice B", "is_active": "on"}
    assert pages.post(address, body).status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.check_password(PASSWORD)) == ("Alice B", True)


def test_sets_a_password(pages, alice):
    new = "a fresh staple for horses"
    address = f"/admin/accounts/user/{alice.pk}/password/"
    body = {"usable_password": "true", "password1": new, "password2": new}
    assert pages.post(address, body).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(new)


def test_shows_sessions_without_their_secrets(pages, session):
    rows = pages.get("/admin/accounts/session/").content.decode()
    assert "192.0.2.7" in rows
    page = pages.get(f"/admin/accounts/session/{session.pk}/change/").content.decode()
    assert "D-1" in page
    assert session.refresh_id not in rows + page


def test_ends_sessions(pages, session):
    body = {"action": "end", "_selected_action": [session.pk]}
    assert pages.post("/admin/accounts/session/", body).status_code == 302
    session.refresh_from_db()
    assert session.revoked_at is not None


def test_writes_no_sessions_by_hand(pages, session):
    assert pages.get("/admin/accounts/session/add/").status_code == 403
    assert pages.post(f"/admin/accounts/session/{session.pk}/change/", {}).status_code == 403


def test_removes_a_user_with_sessions(pages, alice, session):
    address = f"/admin/accounts/user/{alice.pk}/delete/"
    assert pages.post(address, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()


NEW = "a fresh staple for horses"


def test_a_password_set_on_the_page_ends_the_users_sessions(pages, alice, api, mallory):
    client, foreign = api(alice), api(mallory)
    address = f"/admin/accounts/user/{alice.pk}/password/"
    body = {"usable_password": "true", "password1": NEW, "password2": NEW}
    assert pages.post(address, {**body, "password2": "another"}).status_code == 200
    assert client.get("/api/v1/user").status_code == 200
    assert pages.post(address, body).status_code == 302
    assert client.get("/api/v1/user").status_code == 401
    assert foreign.get("/api/v1/user").status_code == 200


def test_a_password_that_is_taken_away_ends_the_users_sessions(pages, alice, api):
    client = api(alice)
    address = f"/admin/accounts/user/{alice.pk}/password/"
    body = {"usable_password": "false", "unset-password": "x"}
    assert pages.post(address, body).status_code == 302
    assert client.get("/api/v1/user").status_code == 401


def test_a_deactivated_user_is_out_at_once(pages, alice, api):
    client = api(alice)
    body = {"login": "alice", "name": "Alice"}
    assert pages.post(f"/admin/accounts/user/{alice.pk}/change/", body).status_code == 302
    assert client.get("/api/v1/user").status_code == 401


def change_own(pages, old=PASSWORD):
    body = {"old_password": old, "new_password1": NEW, "new_password2": NEW}
    return pages.post("/admin/password_change/", body)


def test_the_operators_own_new_password_ends_sessions_of_the_api(pages, api):
    client = api(User.objects.get(login="root"))
    assert pages.get("/admin/password_change/").status_code == 200
    assert change_own(pages, "wrong").status_code == 200
    assert client.get("/api/v1/user").status_code == 200
    assert change_own(pages).headers["Location"] == "/admin/password_change/done/"
    assert client.get("/api/v1/user").status_code == 401
    assert pages.get("/admin/").status_code == 200


def test_shows_strangers_no_page_for_passwords(client, alice):
    assert change_own(client).headers["Location"].startswith("/admin/login/")
    client.force_login(alice)
    assert change_own(client).headers["Location"].startswith("/admin/login/")


def test_limits_guesses_of_the_operators_old_password(pages):
    for _ in range(20):
        assert change_own(pages, "wrong").status_code == 200
    assert change_own(pages).status_code == 429


def enter(client, login="root", password=PASSWORD, address="192.0.2.1"):
    body = {"username": login, "password": password, "next": "/admin/"}
    return client.post("/admin/login/", body, REMOTE_ADDR=address)


def test_limits_tries_for_an_operators_login_together_with_the_api(client, db, stranger):
    User.objects.create_superuser("root", PASSWORD)
    for number in range(10):
        assert enter(client, password="wrong", address=f"192.0.2.{number}").status_code == 200
        body = {"login": "root", "password": "wrong"}
        address = f"198.51.100.{number}"
        answer = stranger.post("/api/v1/token", body, format="json", REMOTE_ADDR=address)
        assert answer.status_code == 422
    answer = enter(client, address="192.0.2.99")
    assert answer.status_code == 200
    assert "Too many attempts; try again in" in answer.text
    assert client.get("/admin/").status_code == 302


def test_limits_tries_for_an_address_on_the_page(client, db):
    User.objects.create_superuser("root", PASSWORD)
    for number in range(20):
        enter(client, f"nobody{number}")
    assert "Too many attempts" in enter(client).text
    assert enter(client, address="192.0.2.2").status_code == 302


def test_leads_to_the_pages_without_a_slash(client):
    assert client.get("/admin").headers["Location"] == "/admin/"


@pytest.fixture
def program(alice):
    """An integration token of alice: its row, and the token."""
    return make_token(
        alice, name="Nightly", scopes=["downloads"], expires_at=None, now=timezone.now()
    )


def test_shows_integration_tokens_without_their_secrets(pages, program):
    row, secret = program
    rows = pages.get("/admin/accounts/integrationtoken/?q=alice").text
    page = pages.get(f"/admin/accounts/integrationtoken/{row.pk}/change/").text
    assert "Nightly" in rows
    assert "Nightly" in page
    assert row.digest not in rows + page
    assert secret not in rows + page


def test_revokes_integration_tokens(pages, program, bearer):
    row, secret = program
    body = {"action": "revoke", "_selected_action": [row.pk]}
    assert pages.post("/admin/accounts/integrationtoken/", body).status_code == 302
    assert bearer(secret).get("/api/v1/downloads").status_code == 401


def test_writes_no_integration_tokens_by_hand(pages, program):
    row, _secret = program
    assert pages.get("/admin/accounts/integrationtoken/add/").status_code == 403
    address = f"/admin/accounts/integrationtoken/{row.pk}/change/"
    assert pages.post(address, {"name": "x"}).status_code == 403
