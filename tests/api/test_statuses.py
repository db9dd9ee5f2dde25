"""Every status of the dialect, under both prefixes of the API."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from django.db import OperationalError

from vms.api.errors import as_refusal

PREFIXES = pytest.mark.parametrize("prefix", ["/api/v1", "/api/admin/v1"])
MESSAGE_ONLY = ["message"]
WITH_ERRORS = ["message", "errors"]


def ask(client, method, path, **values):
    """Send a request as a browser would, which gets no page for its sake."""
    headers = {"accept": "text/html,*/*;q=0.8", **values.pop("headers", {})}
    return getattr(client, method)(path, headers=headers, **values)


@PREFIXES
@pytest.mark.parametrize(
    ("method", "path", "values", "status", "keys"),
    [
        ("post", "echo", {"data": "{", "content_type": "application/json"}, 400, MESSAGE_ONLY),
        ("get", "raise/suspicious", {}, 400, MESSAGE_ONLY),
        ("get", "plain/suspicious", {}, 400, MESSAGE_ONLY),
        ("get", "users", {}, 401, MESSAGE_ONLY),
        ("get", "raise/license", {}, 402, MESSAGE_ONLY),
        ("get", "raise/denied", {}, 403, MESSAGE_ONLY),
        ("get", "plain/django-denied", {}, 403, MESSAGE_ONLY),
        ("get", "raise/blocked", {}, 403, WITH_ERRORS),
        ("get", "nothing", {}, 404, MESSAGE_ONLY),
        ("get", "users/", {}, 404, MESSAGE_ONLY),
        ("post", "nothing", {}, 404, MESSAGE_ONLY),
        ("delete", "echo", {}, 405, MESSAGE_ONLY),
        ("get", "echo", {}, 405, MESSAGE_ONLY),
        ("get", "rows/1", {"headers": {"accept": "image/png"}}, 406, MESSAGE_ONLY),
        ("get", "raise/conflict", {}, 409, MESSAGE_ONLY),
        ("get", "raise/deadlock", {}, 409, MESSAGE_ONLY),
        ("get", "raise/serialization", {}, 409, MESSAGE_ONLY),
        ("post", "echo", {"data": "a=b", "content_type": "text/plain"}, 415, MESSAGE_ONLY),
        ("post", "echo", {"data": {}, "format": "json"}, 422, WITH_ERRORS),
        ("get", "rows/1", {"data": {"page": "x"}}, 422, WITH_ERRORS),
        ("get", "raise/throttled", {}, 429, MESSAGE_ONLY),
        ("get", "raise/bug", {}, 500, ["message", "request_id"]),
        ("get", "plain/bug", {}, 500, ["message", "request_id"]),
        ("get", "raise/database-away", {}, 500, ["message", "request_id"]),
    ],
)
def test_answers_json_with_the_id_of_the_request(
    stranger, db, prefix, method, path, values, status, keys
):
    values = {**values, "headers": {**values.get("headers", {}), "x-request-id": "abc-1"}}
    answer = ask(stranger, method, f"{prefix}/{path}", **values)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"
    assert list(answer.json()) == keys
    assert isinstance(answer.json()["message"], str)
    assert answer["X-Request-ID"] == "abc-1"
    assert "secret" not in answer.text


@PREFIXES
def test_answers_413_in_json(stranger, settings, prefix):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = json.dumps({"name": "x" * 1000})
    answer = ask(stranger, "post", f"{prefix}/echo", data=body, content_type="application/json")
    assert (answer.status_code, answer.json()) == (413, {"message": "The request is too large."})


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/v1",
        "/api/v1/",
        "/api/v2/users",
        "/api/admin",
        "/api/admin/v1",
        "/api/admin/v1/nothing",
        "/api/v1/%00",
        "/api/v1/%FF",
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head"])
def test_answers_404_in_json_for_unknown_paths(stranger, settings, method, path):
    settings.ROOT_URLCONF = "vms.urls"
    answer = ask(stranger, method, path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    if method != "head":
        assert answer.json() == {"message": "Not found."}


def test_answers_a_page_for_paths_that_only_look_alike(stranger, settings):
    settings.ROOT_URLCONF = "vms.urls"
    assert ask(stranger, "get", "/apiary")["Content-Type"].startswith("text/html")


def test_takes_a_database_that_stays_locked_for_a_conflict(tmp_path):
    with (
        closing(sqlite3.connect(tmp_path / "db", timeout=0)) as one,
        closing(sqlite3.connect(tmp_path / "db", timeout=0)) as other,
    ):
        one.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("BEGIN IMMEDIATE")
    error = OperationalError("database is locked")
    assert as_refusal(error) is None
    error.__cause__ = caught.value
    refusal = as_refusal(error)
    assert refusal is not None
    assert refusal[0] == 409
