"""A client as somebody else would write it: urllib and a WebSocket, nothing of ours."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from datetime import UTC

from websockets.sync.client import connect

from tests.running import PATIENCE_SECONDS

# What the library gives up after by itself, 10 and 20 seconds, a busy machine may well take.
PATIENT = {"open_timeout": PATIENCE_SECONDS, "ping_interval": None}


def wire(instant):
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Client:
    """Signed in to a running server; `socket` hears the pushes."""

    def __init__(self, url, login, password, closing):
        """Sign in and listen; sockets are closed by the ExitStack *closing*."""
        self.url = url
        self.closing = closing
        self.token = ""
        signed_in = self.post("/api/v1/token", login=login, password=password)[1]
        self.token = signed_in["access_token"]
        self.session = signed_in["user"]["access_token_id"]
        self.socket = self.listen()

    def listen(self):
        host = self.url.partition("//")[2]
        headers = {"Authorization": f"Bearer {self.token}"}
        socket = self.closing.enter_context(
            connect(f"ws://{host}/ws/notifications", additional_headers=headers, **PATIENT)
        )
        greeting = json.loads(socket.recv(timeout=PATIENCE_SECONDS))
        assert greeting["type"] == "authenticated", greeting
        return socket

    def next_push(self, kind, seconds=PATIENCE_SECONDS):
        """Return the next event of that kind, whatever comes before it."""
        deadline = time.monotonic() + seconds
        while True:
            message = json.loads(self.socket.recv(timeout=deadline - time.monotonic()))
            if message["type"] == "event" and message["data"]["type"] == kind:
                return message

    def get(self, path, headers=None):
        return self.send("GET", path, None, headers)

    def post(self, path, **body):
        return self.send("POST", path, body)

    def delete(self, path):
        return self.send("DELETE", path, None)

    def send(self, method, path, body, headers=None):
        """Return status and answer: JSON as values, a file as bytes."""
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, method=method)
        request.add_header("Accept", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, parse(answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, parse(error.headers, error.read())


def parse(headers, content):
    return json.loads(content) if headers["Content-Type"] == "application/json" else content
