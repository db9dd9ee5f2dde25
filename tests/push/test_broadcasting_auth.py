from __future__ import annotations

import json

import pytest

from vms.push.channels import sign_channel
from vms.push.tickets import Grant, find_grant

URL = "/broadcasting/auth"
SOCKET = "123.456"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(client, alice, sign_in):
    """Ask as alice; the function returned fills in the socket id."""
    signed_in = sign_in(alice)

    def ask(channel, socket_id=SOCKET, content_type="application/json"):
        body = {"socket_id": socket_id, "channel_name": channel}
        if content_type != "application/json":
            return client.post(URL, body, HTTP_AUTHORIZATION=signed_in.bearer)
        return client.post(
            URL, json.dumps(body), content_type=content_type, HTTP_AUTHORIZATION=signed_in.bearer
        )

    ask.signed_in = signed_in
    return ask


def test_signs_the_callers_own_channels(ask):
    own = ask.signed_in
    for channel in (f"private-token.{own.session_id}", f"private-user.{own.user_id}"):
        answer = ask(channel)
        assert answer.status_code == 200
        assert answer.json() == {"auth": sign_channel(SOCKET, channel)}
        assert find_grant(SOCKET, channel) == Grant(own.session_id, None)


def test_reads_a_form(ask):
    channel = f"private-user.{ask.signed_in.user_id}"
    answer = ask(channel, content_type="form")
    assert answer.json() == {"auth": sign_channel(SOCKET, channel)}


def test_refuses_a_stranger(client):
    answer = client.post(URL, {"socket_id": SOCKET, "channel_name": "private-user.1"})
    assert answer.status_code == 401


def test_refuses_the_channels_of_others(ask, mallory_session):
    for channel in (
        f"private-token.{mallory_session.pk}",
        f"private-user.{mallory_session.user_id}",
        f"user.{ask.signed_in.user_id}",
        f"presence-user.{ask.signed_in.user_id}",
        "private-",
    ):
        answer = ask(channel)
        assert answer.status_code == 403
        assert set(answer.json()) == {"message"}


def test_names_every_key_that_is_missing(client, ask):
    answer = client.post(URL, {}, HTTP_AUTHORIZATION=ask.signed_in.bearer)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"socket_id", "channel_name"}


@pytest.mark.parametrize("socket_id", ["", "1", "1.2:private-user.1", "x1.2", "a.b", "é.2", [], 7])
def test_refuses_a_wrong_socket_id(ask, socket_id):
    answer = ask(f"private-user.{ask.signed_in.user_id}", socket_id)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"socket_id"}


def test_refuses_what_is_no_json(client, ask):
    answer = client.post(
        URL, "{", content_type="application/json", HTTP_AUTHORIZATION=ask.signed_in.bearer
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded; charset=utf-7", "multipart/form-data; boundary=b"],
)
def test_refuses_half_a_character_in_a_form(client, ask, kind):
    if kind.startswith("multipart"):
        kind += "; charset=utf-7"
        parts = (
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("socket_id", SOCKET), ("channel_name", "+2AA-"))
        )
        body = "".join(parts) + "--b--\r\n"
    else:
        body = f"socket_id={SOCKET}&channel_name=%2B2AA-+2AA-%ED%A0%80"
    answer = client.generic(
        "POST", URL, body, content_type=kind, HTTP_AUTHORIZATION=ask.signed_in.bearer
    )
    assert answer.status_code in {400, 403}
