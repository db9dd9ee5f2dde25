"""What the OpenAPI document says of every endpoint alike, so that no view has to."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema

from vms.api.errors import INVALID, MESSAGES

METHODS = {"get", "post", "put", "patch", "delete"}
MESSAGE = {
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
}
SERVER_ERROR = {
    "type": "object",
    "properties": {"message": {"type": "string"}, "request_id": {"type": "string"}},
    "required": ["message", "request_id"],
}
REQUEST_ID = {
    "X-Request-ID": {
        "description": "what the log of the server calls this request",
        "schema": {"type": "string"},
    }
}
HEADERS: dict[str, dict[str, Any]] = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string", "enum": ["Bearer"]}}},
    "429": {
        "Retry-After": {
            "description": "seconds",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }
    },
}
# Words of ours stand in `errors`; where the framework words it, as it does.
EXAMPLES = {
    **{str(status): {"message": text} for status, text in MESSAGES.items()},
    "402": {"message": "The license ended on 2026-03-14."},
    "406": {"message": "Could not satisfy the request Accept header."},
    "415": {"message": 'Unsupported media type "text/plain" in request.'},
    "422": {"message": INVALID, "errors": {"ids.1": ["What is wrong with it."]}},
    "429": {"message": "Too many attempts; try again in 12 seconds."},
    "500": {"message": MESSAGES[500], "request_id": "5e0c4b7ce9c14c3f8b7d1f4a2e6d9b10"},
    "503": {"message": "Push is not available at the moment; try again soon."},
}


class Description(AutoSchema):
    """Lists asked for with GET come in pages; an array that answers a POST is whole."""

    def _get_paginator(self) -> Any:
        if self.method != "GET":
            return None
        return super()._get_paginator()  # type: ignore[no-untyped-call] # untyped library


def declare_common_answers(result: dict[str, Any], **_others: Any) -> dict[str, Any]:
    """Add to every operation the statuses any of them can answer, headers and examples.

    Set in POSTPROCESSING_HOOKS of drf-spectacular.
    """
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault("Message", MESSAGE)
    schemas.setdefault("ServerError", SERVER_ERROR)
    for operation in operations(result):
        answers = operation["responses"]
        for status in common_statuses(operation):
            answers.setdefault(status, refusal(status))
        for status, answer in answers.items():
            complete(status, answer)
        operation["responses"] = dict(sorted(answers.items()))
    return result


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document.get("paths", {}).values():
        yield from (operation for method, operation in item.items() if method in METHODS)


def common_statuses(operation: dict[str, Any]) -> list[str]:
    """Name what the way of asking can bring about, whatever is asked."""
    of_bodies = ["400", "409", "413", "415"] if "requestBody" in operation else ["400"]
    return [*of_bodies, "406", "500"]


def refusal(status: str) -> dict[str, Any]:
    name = "ServerError" if status == "500" else "Message"
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"content": {"application/json": {"schema": schema}}, "description": ""}


def complete(status: str, answer: dict[str, Any]) -> None:
    """Say what the status means, which headers come with it, and how it looks."""
    answer["description"] = answer.get("description") or HTTPStatus(int(status)).phrase
    answer["headers"] = {**answer.get("headers", {}), **HEADERS.get(status, {}), **REQUEST_ID}
    if status in EXAMPLES:
        answer["content"]["application/json"].setdefault("example", EXAMPLES[status])
