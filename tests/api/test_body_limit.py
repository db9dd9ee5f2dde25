"""Bodies over a real connection to the real application: whole, in chunks, and too large."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading

import pytest
import uvicorn

from tests.conftest import PASSWORD
from tests.running import PATIENCE_SECONDS
from vms.asgi import application

LIMIT = 2**20


@pytest.fixture
def own_endpoints(settings):
    """Keep the addresses of the product: here it answers as a whole."""


@pytest.fixture
def server(transactional_db):
    """Serve on a free loopback port; gives the port."""
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def ask(server):
    """Send a request; gives the answer, read."""

    def ask(method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", server, timeout=PATIENCE_SECONDS)
        sent = {"Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    return ask


def credentials(padding=0):
    return json.dumps({"login": "alice", "password": PASSWORD, "x": "x" * padding}).encode()


def in_pieces(body, size=7):
    """Make a body whose length nobody knows: http.client then sends it in chunks."""
    return (body[at : at + size] for at in range(0, len(body), size))


def test_reads_a_body_with_a_length(ask, alice):
    assert ask("POST", "/api/v1/token", credentials()).status == 200


def test_reads_a_body_in_chunks(ask, alice):
    answer = ask("POST", "/api/v1/token", in_pieces(credentials()))
    assert answer.status == 200
    assert json.loads(answer.content)["user"]["login"] == "alice"


def test_reads_a_form_in_chunks(ask, alice):
    token = json.loads(ask("POST", "/api/v1/token", credentials()).content)["access_token"]
    form = f"socket_id=1.1&channel_name=private-user.{alice.pk}".encode()
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = ask("POST", "/broadcasting/auth", in_pieces(form), headers)
    assert (answer.status, list(json.loads(answer.content))) == (200, ["auth"])


def test_takes_an_empty_body_in_chunks_for_none(ask):
    answer = ask("POST", "/api/v1/token", iter([]))
    assert answer.status == 422


def test_reads_a_body_as_large_as_allowed(ask, alice):
    body = credentials(LIMIT - len(credentials()))
    assert len(body) == LIMIT
    assert ask("POST", "/api/v1/token", in_pieces(body, 2**16)).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/token", "/admin/login/", "/nothing"])
@pytest.mark.parametrize("size", [LIMIT + 1, 40 * LIMIT])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_answers_413_for_a_large_body(ask, path, size, is_chunked):
    body = bytes(size)
    answer = ask("POST", path, in_pieces(body, 2**18) if is_chunked else body)
    assert answer.status == 413
    assert json.loads(answer.content) == {"message": "The request is too large."}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Connection"] == "close"
    assert answer.headers["X-Request-ID"]


def test_waits_for_no_body_that_is_announced_too_large(server):
    connection = http.client.HTTPConnection("127.0.0.1", server, timeout=PATIENCE_SECONDS)
    connection.putrequest("POST", "/healthz")
    connection.putheader("Content-Length", "300000000")
    connection.putheader("X-Request-ID", "abc-1")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.headers["X-Request-ID"]) == (413, "abc-1")
    connection.close()


def test_keeps_serving_after_a_client_that_left(server, ask):
    connection = http.client.HTTPConnection("127.0.0.1", server, timeout=PATIENCE_SECONDS)
    connection.putrequest("POST", "/healthz")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"begun")
    connection.close()
    assert ask("GET", "/healthz").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_health_is_only_looked_at(ask, method):
    answer = ask(method, "/healthz")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
