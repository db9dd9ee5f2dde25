"""Request ids: on answers and in logs."""

from __future__ import annotations

import re

import pytest
import structlog
from django.test import AsyncClient


def logged_ids(lines):
    return {line.get("request_id") for line in lines}


@pytest.fixture
def log_lines():
    processors = [structlog.contextvars.merge_contextvars]
    with structlog.testing.capture_logs(processors=processors) as lines:
        yield lines


def test_keeps_a_sane_id_on_the_answer_and_in_the_log(stranger, log_lines):
    answer = stranger.get("/api/v1/rows/1", headers={"x-request-id": "Trace_1.a-b"})
    assert answer["X-Request-ID"] == "Trace_1.a-b"
    assert len(log_lines) == 2
    assert logged_ids(log_lines) == {"Trace_1.a-b"}


def test_makes_an_id(stranger, log_lines):
    first = stranger.get("/api/v1/rows/1")["X-Request-ID"]
    assert logged_ids(log_lines) == {first}
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert stranger.get("/api/v1/rows/1")["X-Request-ID"] != first


async def test_marks_answers_of_async_requests(log_lines):
    answer = await AsyncClient().get("/api/v1/rows/1", headers={"x-request-id": "async-1"})
    assert answer["X-Request-ID"] == "async-1"
    assert logged_ids(log_lines) == {"async-1"}


@pytest.mark.parametrize("sent", ["", "a" * 65, "a b", "a\nb", "<x>", "a,b", "é"])
def test_replaces_an_id_that_is_not_sane(stranger, sent):
    answer = stranger.get("/api/v1/rows/1", HTTP_X_REQUEST_ID=sent)
    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-ID"])


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/raise/bug", "/page/bug", "/page/suspicious"])
def test_marks_refusals_and_errors_too(stranger, path):
    assert stranger.get(path)["X-Request-ID"]


@pytest.mark.parametrize("path", ["/api/v1/raise/bug", "/api/v1/plain/bug"])
def test_logs_what_went_wrong_under_the_id_that_is_answered(stranger, log_lines, path):
    body = stranger.get(path).json()
    [failed] = [line for line in log_lines if line["event"] == "request_failed"]
    assert failed["request_id"] == body["request_id"]
    assert failed["log_level"] == "error"
    assert failed["exc_info"] is True
