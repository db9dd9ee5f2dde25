"""A client of the API: signs in, orders, asks, over real HTTP."""

from __future__ import annotations

import http.client
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from vms.ops.demo.errors import DemoFailed

ANSWER_SECONDS = 30.0


class ApiClient:
    """Talks to the server at *base*; after `sign_in` with a token."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.headers = {"Accept": "application/json", "X-Client": "demo"}

    def sign_in(self, login: str, password: str) -> None:
        answer = self.call("POST", "/api/v1/token", {"login": login, "password": password})
        self.headers["Authorization"] = f"{answer['token_type']} {answer['access_token']}"

    def socket_url(self) -> str:
        return f"{self.call('GET', '/api/v1/wsurl')['ws_url']}/notifications"

    def order(self, begin: str, end: str, cameras: list[int]) -> list[dict[str, Any]]:
        """Order one file a camera; returns the records, in the order of *cameras*."""
        body = {"from": begin, "to": end, "ids": cameras}
        records: list[dict[str, Any]] = self.call("POST", "/api/v1/downloads", body)
        return records

    def show(self, download_id: int) -> dict[str, Any]:
        record: dict[str, Any] = self.call("GET", f"/api/v1/downloads/{download_id}")
        return record

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the JSON of its answer.

        Raises:
            DemoFailed: no answer, or another one than 200.
        """
        connection = connect(self.base)
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise DemoFailed(f"{method} {path} got no answer: {type(error).__name__}.") from error
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            raise DemoFailed(f"{method} {path} was answered with {answer.status}: {text[:500]}")
        return json.loads(text)


def connect(base: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(base).netloc, timeout=ANSWER_SECONDS)
