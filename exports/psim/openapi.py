"""Describes the PSIM calls in the OpenAPI document; their dialect is not that of the other calls.

Written out by hand: refusals have the shape of answers here, and no header decides what is read.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from exports.psim.answers import State, refused_order, refused_task
from exports.psim.bodies import FORMATS
from vms.api.errors import MESSAGES
from vms.api.openapi import REQUEST_ID, complete
from vms.api.openapi import refusal as common

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
ANY_ID: Schema = {"type": ["string", "number", "null"]}
STATE: Schema = {"type": "string", "enum": [str(state) for state in State]}
TASK_ID = "084b56a5-bd49-4327-82db-9bc911f7ff96"
FROM, TO = "2022-06-27T15:10:00.00Z", "2022-06-27T15:20:00.00Z"

ORDERED: Schema = {
    "CameraId": ANY_ID,
    "From": {"type": ["string", "number", "null"]},
    "To": {"type": ["string", "number", "null"]},
    "ArchiveTaskId": TEXT_OR_NULL,
    "ErrorMessage": TEXT_OR_NULL,
    "State": STATE,
}
STATUS: Schema = {
    "Percents": {"type": "integer", "minimum": 0, "maximum": 100},
    "Url": TEXT_OR_NULL,
    **ORDERED,
}
TOKEN: Schema = {"access_token": TEXT, "token_type": TEXT, "expires_in": TEXT}
ORDER: Schema = {
    "type": "object",
    "properties": {
        "CameraId": {"type": ["string", "integer"]},
        "From": TEXT,
        "To": TEXT_OR_NULL,
        "Format": {"type": ["string", "null"], "enum": [*FORMATS, None]},
    },
    "required": ["CameraId", "From"],
    "example": {"CameraId": "1", "From": FROM, "To": TO},
}
SCHEMAS: dict[str, Schema] = {
    "PsimOrder": ORDER,
    "PsimTask": {"type": "object", "properties": ORDERED, "required": list(ORDERED)},
    "PsimStatus": {"type": "object", "properties": STATUS, "required": list(STATUS)},
    "PsimToken": {"type": "object", "properties": TOKEN, "required": list(TOKEN)},
}
EXAMPLES: dict[str, Schema] = {
    "PsimTask": {
        "CameraId": "1",
        "From": FROM,
        "To": TO,
        "ArchiveTaskId": TASK_ID,
        "ErrorMessage": None,
        "State": "Created",
    },
    "PsimStatus": {
        "Percents": 100,
        "Url": f"https://vms.example.org/download?file={TASK_ID}",
        "CameraId": "1",
        "From": "2022-06-27T18:10:00.000+03:00",
        "To": "2022-06-27T18:20:00.000+03:00",
        "ArchiveTaskId": TASK_ID,
        "ErrorMessage": "null",
        "State": "ReadyForDownload",
    },
    "PsimToken": {"access_token": "vms_psim_...", "token_type": "bearer", "expires_in": "1800"},
}
MEANINGS = {
    "200": "OK",
    "206": "The part that `Range` asks for",
    "302": "Where the bucket with the file is, if it sends files itself",
    "304": "What `If-None-Match` has is the file",
    "400": "Something cannot be read; `ErrorMessage` says what",
    "401": "Neither a password nor a token that is good",
    "403": "Not allowed, or access to the camera is blocked",
    "404": "Unknown, or somebody else's: the same",
    "405": "Another method is meant",
    "409": "Something else changed this at the same moment; try again",
    "416": "The file has no such part",
    "429": "Too many tries, too many files in progress, or the server has all the work it takes",
    "503": "The storage is away",
}
# What stands in `ErrorMessage` of such a refusal, for example.
WORDS = {
    "400": "To must be after From.",
    "401": "Sign in with login and password, or with a token that is good.",
    "403": "Access to this camera is blocked.",
    "404": "There is no such camera.",
    "405": 'Method "PUT" not allowed.',
    "409": MESSAGES[409],
    "429": "Too many attempts; try again in 12 seconds.",
    "503": "The storage is away for the moment; try again later.",
}
RETRY_AFTER: Schema = {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}}
HEADERS: dict[str, Schema] = {
    "401": {"WWW-Authenticate": {"schema": TEXT}},
    "405": {"Allow": {"schema": TEXT}},
    "429": RETRY_AFTER,
    "503": RETRY_AFTER,
}
# What the server says before it looks at the call: these have the shape of all its refusals.
OF_ALL = ("413", "500")
MAY_ASK: list[dict[str, list[str]]] = [{"basic": []}, {"psimToken": []}, {"bearer": []}]
SIGNS_IN: list[dict[str, list[str]]] = [{"basic": []}]


def describe_calls(result: Schema, generator: Any, **_others: Any) -> Schema:
    """Add the calls to the document of the whole server, if it answers them.

    Stands last in POSTPROCESSING_HOOKS of drf-spectacular.
    """
    is_whole = generator.patterns is None
    if not is_whole or not settings.VMS["VMS_PSIM_API"]:
        return result
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(SCHEMAS)
    components.setdefault("securitySchemes", {}).update(
        {
            "basic": {"type": "http", "scheme": "basic"},
            "psimToken": {"type": "apiKey", "in": "query", "name": "token"},
        }
    )
    result.setdefault("paths", {}).update(calls())
    return result


def calls() -> Schema:
    task = parameter("archivetaskid", {"type": "string", "format": "uuid"}, is_required=True)
    seconds = parameter("expires_in", {"type": "integer", "minimum": 0}, is_required=False)
    order: Schema = {"required": True, "content": json_of("PsimOrder")}
    order["content"]["application/json"]["example"] = ORDER["example"]
    return {
        "/createarchivetask": {
            "post": call("Order a file", "PsimTask", [400, 401, 403, 404, 405, 409, 429])
            | {"requestBody": order}
        },
        "/getarchivetaskstatus": {
            "get": call("How a task is", "PsimStatus", [400, 401, 403, 404, 405], task)
        },
        "/deletearchivetask": {
            method: call("Delete a task", "PsimStatus", [400, 401, 403, 404, 405, 409], task)
            | {"operationId": f"psim_delete_{method}"}
            for method in ("post", "delete")
        },
        "/download": {"get": file_call()},
        "/token": {
            method: call("Get a token", "PsimToken", [400, 401, 403, 405, 409, 429], seconds)
            | {"operationId": f"psim_token_{method}", "security": SIGNS_IN}
            for method in ("get", "post")
        },
    }


def call(summary: str, answer: str, refused: list[int], *parameters: Schema) -> Schema:
    """Describe a call: refused orders look like orders, whatever else is refused like a status."""
    shape = "PsimTask" if answer == "PsimTask" else "PsimStatus"
    answers = {"200": answered("200", answer)}
    answers |= {str(status): answered(str(status), shape) for status in refused}
    for status in OF_ALL:
        answers[status] = common(status)
        complete(status, answers[status])
    return {
        "operationId": "psim_" + summary.lower().replace(" ", "_"),
        "summary": summary,
        "tags": ["psim"],
        "parameters": list(parameters),
        "security": MAY_ASK,
        "responses": answers,
    }


def file_call() -> Schema:
    task = parameter("file", {"type": "string", "format": "uuid"}, is_required=True)
    described = call("Fetch a file", "PsimStatus", [400, 404, 405, 503], task)
    whole = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    files = {
        status: {"description": MEANINGS[status], "content": whole} for status in ("200", "206")
    }
    bare = {status: {"description": MEANINGS[status]} for status in ("302", "304", "416")}
    responses = dict(sorted({**described["responses"], **files, **bare}.items()))
    return {**described, "security": [], "responses": responses}


def answered(status: str, schema: str) -> Schema:
    headers = {**HEADERS.get(status, {}), **REQUEST_ID}
    found: Schema = {
        "description": MEANINGS[status],
        "headers": headers,
        "content": json_of(schema),
    }
    found["content"]["application/json"]["example"] = (
        EXAMPLES[schema] if status == "200" else refused(status, schema)
    )
    return found


def refused(status: str, schema: str) -> Schema:
    """Show how a call is refused."""
    words = WORDS[status]
    return (
        refused_order(words, EXAMPLES[schema])
        if schema == "PsimTask"
        else refused_task(words, None)
    )


def json_of(schema: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def parameter(name: str, schema: Schema, *, is_required: bool) -> Schema:
    return {"name": name, "in": "query", "required": is_required, "schema": schema}
