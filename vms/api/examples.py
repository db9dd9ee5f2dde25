"""Shows in the OpenAPI document what is sent and answered, beside the form of it.

The values are in `examples.json`, by the names of the document's components.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from vms.api.openapi import METHODS
from vms.api.pagination import PER_PAGE, LengthAwarePagination, PageRequest

SERVER = "https://vms.example.org"
Schema = dict[str, Any]


def show_examples(result: Schema, **_others: Any) -> Schema:
    """Give each body, and each answer that is no refusal, an example where it has none.

    Set in POSTPROCESSING_HOOKS of drf-spectacular.
    """
    schemas = result.get("components", {}).get("schemas", {})
    for path, item in result.get("paths", {}).items():
        for operation in (one for method, one in item.items() if method in METHODS):
            for content in contents(operation):
                example = example_of(content.get("schema", {}), schemas, SERVER + path)
                if example is not None and not {"example", "examples"} & set(content):
                    content["example"] = example
    return result


def contents(operation: Schema) -> list[Schema]:
    """List what is sent and what is answered to it, in each type it can have."""
    well = [one for status, one in operation["responses"].items() if status.startswith("2")]
    parts = [operation.get("requestBody", {}), *well]
    return [content for part in parts for content in part.get("content", {}).values()]


def example_of(schema: Schema, schemas: Schema, address: str) -> Any:
    """Make an example of what *schema* describes, which *address* answers; None if it is unknown.

    Lists have one row, in a page when the schema is that of one.
    """
    if schema.get("type") == "array":
        row = example_of(schema["items"], schemas, address)
        return None if row is None else [row]
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in examples():
        return examples()[name]
    described = schemas.get(name, {}).get("properties", {})
    if not {"data", "links", "meta"} <= set(described):
        return None
    rows = example_of(described["data"], schemas, address)
    return None if rows is None else page_of(rows, address)


def page_of(rows: list[Any], address: str) -> Any:
    """Wrap the only rows of a list as lists are."""
    page = LengthAwarePagination()
    page.path, page.query, page.asked = address, [], PageRequest(1, PER_PAGE)
    page.total = page.shown = len(rows)
    return page.get_paginated_response(rows).data


@lru_cache
def examples() -> dict[str, Any]:
    """Read the values: component -> example."""
    values: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_text())
    return values
