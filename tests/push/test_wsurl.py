from __future__ import annotations

import pytest

URL = "/api/v1/wsurl"


def test_tells_where_the_sockets_are(client):
    answer = client.get(URL, HTTP_HOST="localhost:8000")
    assert answer.status_code == 200
    assert answer.json() == {
        "ws_url": "ws://localhost:8000/ws",
        "app_key": "vms",
        "port": 8000,
        "host": "localhost",
        "path": "/ws",
        "is_encrypted": False,
    }


@pytest.mark.parametrize(
    ("public_url", "ws_url", "port", "host", "path", "is_encrypted"),
    [
        ("https://vms.example", "wss://vms.example/ws", 443, "vms.example", "/ws", True),
        ("http://vms.example:81", "ws://vms.example:81/ws", 81, "vms.example", "/ws", False),
        ("https://vms.example/a", "wss://vms.example/a/ws", 443, "vms.example", "/a/ws", True),
        ("http://[::1]:8000", "ws://[::1]:8000/ws", 8000, "[::1]", "/ws", False),
    ],
)
def test_prefers_the_public_address(
    client, settings, public_url, ws_url, port, host, path, is_encrypted
):
    settings.PUBLIC_URL = public_url
    assert client.get(URL).json() == {
        "ws_url": ws_url,
        "app_key": "vms",
        "port": port,
        "host": host,
        "path": path,
        "is_encrypted": is_encrypted,
    }


def test_minds_no_credentials_at_all(client):
    assert client.get(URL, HTTP_AUTHORIZATION="Bearer wrong").status_code == 200


def test_refuses_a_host_that_is_not_ours(client):
    assert client.get(URL, HTTP_HOST="evil.example").status_code == 400


def test_refuses_the_twenty_first_call_of_an_address(client):
    for _ in range(20):
        assert client.get(URL).status_code == 200
    answer = client.get(URL)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    assert client.get(URL, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_refuses_other_methods(client):
    assert client.post(URL).status_code == 405
