"""Describes in the OpenAPI document what is no call of the API: files, links, health.

Written out by hand: these are plain views. What a link leads to is answered to players and browsers
too, which get a page instead of JSON where nothing is.
"""

from __future__ import annotations

from typing import Any

from exports.engines.containers import CONTAINERS
from vms.api.openapi import complete, refusal

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
BYTES: Schema = {"type": "string", "format": "binary"}
WORD: Schema = {"type": "string", "enum": ["1"]}
RETRY_AFTER: Schema = {"Retry-After": {"description": "seconds", "schema": TEXT}}
ALLOW: Schema = {"Allow": {"schema": TEXT}}
PARTS: Schema = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ok", "not ready"]},
        "parts": {"type": "object", "additionalProperties": TEXT},
    },
    "required": ["status", "parts"],
}
READY: Schema = {
    "status": "ok",
    "parts": {"database": "ok", "broker": "ok", "storage": "ok", "ffmpeg": "ok"},
}
NOT_READY: Schema = {
    "status": "not ready",
    "parts": {**READY["parts"], "broker": "The broker does not answer."},
}
MESSAGE: Schema = {"$ref": "#/components/schemas/Message"}
AWAY = "The storage is away for the moment; try again later."
INVALID: Schema = {"schema": {"$ref": "#/components/schemas/InvalidData"}}
MEANINGS = {
    "200": "The whole of it",
    "206": "The part that `Range` asks for",
    "302": "Where the bucket with the file is, if it sends files itself",
    "304": "What `If-None-Match` has is the same",
    "405": "Another method is meant",
    "416": "It has no such part",
}


def describe_the_rest(result: Schema, generator: Any, **_others: Any) -> Schema:
    """Add these addresses to the document of the whole server.

    Stands in POSTPROCESSING_HOOKS of drf-spectacular.
    """
    if generator.patterns is None:
        result.setdefault("paths", {}).update(
            {path: {"get": one} for path, one in operations().items()}
        )
    return result


def operations() -> dict[str, Schema]:
    return {
        "/storage/{secret}/{name}": link(
            "A finished file, as long as its record has it",
            sorted({one.mime for one in CONTAINERS.values()}),
            ["404"],
            [inside("secret"), inside("name"), asked("inline", WORD)],
            {"302": bare("302")},
        ),
        "/preview/{token}/{name}": link(
            "A picture or some seconds of a camera",
            ["image/jpeg", "video/mp4"],
            ["403", "404", "422"],
            [
                inside("token"),
                inside("name", ["preview.jpg", "preview.mp4"]),
                asked("w", {"type": "integer", "minimum": 16, "maximum": 7680}),
                asked("codec", {"type": "string", "enum": ["copy"]}),
            ],
        ),
        "/archive/{token}/{name}": link(
            "An interval of the archive, read where it lies, or its playlist",
            ["application/vnd.apple.mpegurl", "video/mp4"],
            ["403", "404"],
            [inside("token"), inside("name"), asked("inline", WORD)],
        ),
        "/healthz": operation(
            "Is the process alive", {"200": json_of({"$ref": "#/components/schemas/Status"})}
        ),
        "/readyz": operation(
            "Can it work, part by part",
            {"200": json_of(PARTS, READY), "503": json_of(PARTS, NOT_READY)},
        ),
        "/metrics": operation(
            "Figures for Prometheus",
            {
                "200": {"description": "", "content": {"text/plain": {"schema": TEXT}}},
                "403": with_page(refusal("403")),
            },
        ),
    }


def link(
    summary: str,
    types: list[str],
    refused: list[str],
    parameters: list[Schema],
    more: Schema | None = None,
) -> Schema:
    """Describe what a link leads to: all of it or a part, nothing new, or why not."""
    answers: Schema = {status: file(status, types) for status in ("200", "206")}
    answers |= {status: bare(status) for status in ("304", "416")}
    answers |= {status: refusal(status) for status in refused}
    if "422" in answers:
        answers["422"]["content"]["application/json"] = INVALID.copy()
    answers["404"] = with_page(answers["404"])
    answers["503"] = {**json_of(MESSAGE, {"message": AWAY}), "headers": RETRY_AFTER}
    described = operation(summary, {**answers, **(more or {})})
    return {**described, "parameters": parameters}


def operation(summary: str, answers: Schema) -> Schema:
    """Describe a call without credentials; any can be refused by its method and meet a mistake."""
    of_all = {"405": bare("405", ALLOW), "500": with_page(refusal("500"))}
    responses = dict(sorted({**answers, **of_all}.items()))
    for status, answer in responses.items():
        complete(status, answer)
    return {
        "operationId": summary.partition(",")[0].lower().replace(" ", "_"),
        "summary": summary,
        "tags": ["links and health"],
        "security": [],
        "responses": responses,
    }


def file(status: str, types: list[str]) -> Schema:
    return {"description": MEANINGS[status], "content": {one: {"schema": BYTES} for one in types}}


def bare(status: str, headers: Schema | None = None) -> Schema:
    return {"description": MEANINGS[status], "headers": headers or {}}


def json_of(schema: Schema, example: Any = None) -> Schema:
    content: Schema = (
        {"schema": schema} if example is None else {"schema": schema, "example": example}
    )
    return {"description": "", "content": {"application/json": content}}


def with_page(answer: Schema) -> Schema:
    """Say that who does not ask for JSON is shown a page."""
    return {**answer, "content": {**answer["content"], "text/html": {"schema": TEXT}}}


def inside(name: str, words: list[str] | None = None) -> Schema:
    """Describe a part of the address."""
    schema = {**TEXT, "enum": words} if words else TEXT
    return {"name": name, "in": "path", "required": True, "schema": schema}


def asked(name: str, schema: Schema) -> Schema:
    """Describe a parameter of the query."""
    return {"name": name, "in": "query", "required": False, "schema": schema}
