"""Bodies that are JSON all the way down."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "body",
    [
        "[" * 400_000,
        "[" * 300_000 + "]" * 300_000,
        '{"a":' * 100_000,
        '{"login":' * 2 + "[" * 90_000,
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/token", "/createarchivetask"])
def test_answers_a_bottomless_body_with_400(client, path, body):
    answer = client.post(path, body, content_type="application/json")

    assert answer.status_code in {400, 401}
    assert b"Traceback" not in answer.content
