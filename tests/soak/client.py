"""A client of the installation, at an address of its own: limits count by address."""

from __future__ import annotations

import base64
import json
import socket
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection
from threading import Lock
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

PATIENCE_SECONDS = 120.0
# Read so much of a file and go away: clients do.
MOST_READ = 2**20


@dataclass
class Tally:
    """How often what was asked, and how that was answered; safe to use from threads."""

    answers: Counter = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def note(self, act: str, outcome: str) -> None:
        with self.lock:
            self.answers[act, outcome] += 1

    def trouble(self, text: str) -> None:
        with self.lock:
            self.troubles.append(text)


@dataclass
class Answer:
    status: int
    body: bytes

    def json(self):
        return json.loads(self.body)


class Client:
    """One user on one device; signs in when made."""

    def __init__(self, url, address, person, tally):
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port
        self.address = address
        self.person = person
        self.tally = tally
        self.token = self.session = self.refresh = ""
        self.user_id = 0
        self.sign_in()

    def sign_in(self):
        body = {"login": self.person.login, "password": self.person.password}
        self.adopt(self.ask("sign in", "POST", "/api/v1/token", body))

    def renew(self):
        body = {"refresh_token": self.refresh}
        self.adopt(self.ask("refresh", "POST", "/api/v1/token/refresh", body))

    def adopt(self, answer):
        if answer.status == 200:
            told = answer.json()
            if user := told.get("user"):
                self.user_id, self.session = user["id"], user["access_token_id"]
            self.token, self.refresh = told["access_token"], told["refresh_token"]

    def ask(self, act, method, path, body=None, headers=None):
        """Ask and note how it was answered; what a server must never answer is a trouble."""
        answer = self.send(method, path, body, headers or self.bearer())
        self.tally.note(act, str(answer.status))
        if answer.status >= 500 and answer.status != 503:
            self.tally.trouble(f"{act}: {answer.status} {answer.body[:200]!r}")
        return answer

    def send(self, method, path, body, headers):
        if path.startswith("http"):
            parts = urlsplit(path)
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection = HTTPConnection(
            self.host, self.port, timeout=PATIENCE_SECONDS, source_address=(self.address, 0)
        )
        try:
            content = None if body is None else json.dumps(body)
            given = {"Content-Type": "application/json", **headers}
            connection.request(method, path, content, given)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(MOST_READ))
        finally:
            connection.close()

    def bearer(self):
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def basic(self):
        pair = f"{self.person.login}:{self.person.password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def open_socket(self, path) -> ClientConnection:
        raw = socket.create_connection(
            (self.host, self.port), PATIENCE_SECONDS, source_address=(self.address, 0)
        )
        address = f"ws://{self.host}:{self.port}{path}"
        return connect(address, sock=raw, additional_headers=self.bearer(), open_timeout=120)
