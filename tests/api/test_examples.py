"""The examples of the OpenAPI document: one of each body and answer, true to what is described."""

from __future__ import annotations

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from vms.api.examples import examples
from vms.api.openapi import METHODS

# The answer is the document itself; or a file, a page, figures.
WITHOUT = {"/api/schema": {"200"}}
OF_VALUES = {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator(urlconf="vms.urls").get_schema(public=True)


@pytest.fixture(scope="module")
def shown(document):
    """List where each body and answer is described, its schema and its examples."""
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                for name, part in parts(operation):
                    if name not in WITHOUT.get(path, ()):
                        found += [
                            (f"{method} {path} {name} {kind}", content["schema"], values(content))
                            for kind, content in part.get("content", {}).items()
                            if kind in OF_VALUES
                        ]
    return found


def parts(operation):
    body = operation.get("requestBody")
    return [*([("body", body)] if body else []), *operation["responses"].items()]


def values(content):
    several = [one["value"] for one in content.get("examples", {}).values()]
    return several + ([content["example"]] if "example" in content else [])


def test_there_is_one_of_every_body_and_answer(shown):
    assert len(shown) > 400
    assert [where for where, _schema, found in shown if not found] == []


def test_each_is_what_is_described(document, shown):
    wrong = []
    for where, schema, found in shown:
        whole = {**schema, "components": document["components"]}
        for example in found:
            errors = Draft202012Validator(whole).iter_errors(example)
            wrong += [f"{where}: {error.json_path} {error.message}" for error in errors]
    assert wrong == []


def test_none_has_keys_that_are_not_described(document, shown):
    schemas = document["components"]["schemas"]
    wrong = [
        (where, unknown)
        for where, schema, found in shown
        for example in found
        if (unknown := unknown_keys(schema, example, schemas))
    ]
    assert wrong == []


def unknown_keys(schema, value, schemas):
    """Walk an example along its schema; lists keys without a description."""
    if "$ref" in schema:
        return unknown_keys(schemas[schema["$ref"].rpartition("/")[2]], value, schemas)
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return min((unknown_keys(one, value, schemas) for one in schema[choice]), key=len)
    if isinstance(value, list):
        return [key for row in value for key in unknown_keys(schema.get("items", {}), row, schemas)]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    inside = [
        key
        for name in set(value) & set(known)
        for key in unknown_keys(known[name], value[name], schemas)
    ]
    return sorted(set(value) - set(known)) + inside


def test_each_value_is_of_something_that_is_described(document):
    assert set(examples()) <= set(document["components"]["schemas"])
