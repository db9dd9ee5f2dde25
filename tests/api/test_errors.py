"""Refusals: their status, body and headers."""

from __future__ import annotations

import json

import pytest
from rest_framework import serializers

from vms.api.errors import dotted_errors
from vms.api.words import JSON_NAMES

INVALID = "The given data was invalid."


def test_lets_a_user_in(api, alice):
    assert api(alice).get("/api/v1/users").json() == {"status": "ok"}


def test_lets_an_operator_in(api, operator):
    assert api(operator).get("/api/v1/operators").json() == {"status": "ok"}


def test_refuses_a_stranger_with_401(stranger, db):
    answer = stranger.get("/api/v1/users")
    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthenticated."}
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer["Content-Type"] == "application/json"


def test_refuses_a_client_on_operator_endpoints_with_403(api, alice):
    answer = api(alice).get("/api/v1/operators")
    assert answer.status_code == 403
    assert answer.json() == {"message": "This action is not allowed."}


def test_refuses_a_stranger_on_operator_endpoints_with_401(stranger, db):
    assert stranger.get("/api/v1/operators").status_code == 401


def test_answers_402_without_a_license(stranger):
    answer = stranger.get("/api/v1/raise/license")
    assert (answer.status_code, list(answer.json())) == (402, ["message"])


def test_answers_403_in_the_form_of_422_for_blocked_access(stranger):
    answer = stranger.get("/api/v1/raise/blocked")
    assert answer.status_code == 403
    errors = {"camera": ["Access to this camera is blocked."]}
    assert answer.json() == {"message": INVALID, "errors": errors}


def test_says_when_to_try_again(stranger):
    answer = stranger.get("/api/v1/raise/throttled")
    assert answer.status_code == 429
    assert answer["Retry-After"] == "13"
    assert answer.json() == {"message": "Too many attempts; try again in 13 seconds."}


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/users/", "/broadcasting/nothing"])
def test_answers_404_in_json_under_the_api(stranger, path):
    answer = stranger.get(path, headers={"accept": "text/html"})
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})


def test_answers_404_as_a_page_to_people(stranger):
    answer = stranger.get("/nothing", headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")
    assert "Not found." in answer.text


def test_answers_404_in_json_to_programs_that_ask_for_it(stranger):
    answer = stranger.get("/nothing", headers={"accept": "application/json"})
    assert answer.json() == {"message": "Not found."}


def test_answers_405_with_the_allowed_methods(stranger):
    answer = stranger.delete("/api/v1/echo")
    assert answer.status_code == 405
    assert answer.json() == {"message": 'Method "DELETE" not allowed.'}
    assert answer["Allow"] == "POST, OPTIONS"


def test_answers_406_in_json(stranger):
    answer = stranger.get("/api/v1/raise/denied", headers={"accept": "image/png"})
    assert (answer.status_code, list(answer.json())) == (406, ["message"])


def test_answers_415_for_a_body_that_is_no_json(stranger):
    answer = stranger.post("/api/v1/echo", "a=b", content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, list(answer.json())) == (415, ["message"])


@pytest.mark.parametrize("body", ["{", "", b"\xff\xfe{}", '{"a": NaN}', "[" * 200_000])
def test_answers_400_for_broken_json(stranger, body):
    if not body:
        body = " "
    answer = stranger.post("/api/v1/echo", body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


@pytest.mark.parametrize(
    "body",
    [
        r'{"name": "\ud800"}',
        r'{"\udfff": 1}',
        r'[{"a": ["\ud800x\udc00"]}]',
        r'"\udc00\ud800"',
    ],
)
def test_answers_400_for_half_a_surrogate_pair_anywhere(stranger, body):
    answer = stranger.post("/api/v1/echo", body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


@pytest.mark.parametrize("body", ['{"name": 1e400}', "[-1e999]"])
def test_answers_400_for_a_number_beyond_all_floats(stranger, body):
    answer = stranger.post("/api/v1/echo", body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


def test_reads_a_whole_surrogate_pair(stranger):
    body = r'{"name": "\ud83d\ude00"}'
    answer = stranger.post("/api/v1/echo", body, content_type="application/json")
    assert answer.status_code == 200


@pytest.mark.parametrize("charset", ["utf-7", "raw_unicode_escape", "zlib", "utf-16"])
def test_reads_utf8_whatever_charset_is_named(stranger, charset):
    kind = f"application/json; charset={charset}"
    answer = stranger.generic("POST", "/api/v1/echo", '{"name": "+2AA-"}', content_type=kind)
    assert (answer.status_code, answer.json()) == (200, {"moments": []})


@pytest.mark.parametrize("path", ["/api/v1/echo", "/api/v1/body"])
def test_answers_413_for_a_huge_body(stranger, settings, path):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = stranger.post(path, json.dumps({"name": "x" * 1000}), content_type="application/json")
    assert (answer.status_code, answer.json()) == (413, {"message": "The request is too large."})


def test_reports_every_wrong_key_at_once_in_dot_form(stranger):
    body = {"ids": [1, "x"], "cameras": [{"uuid": str(5) * 32}, {"uuid": "no", "moment": "no"}]}
    answer = stranger.post("/api/v1/echo", body, format="json")
    assert answer.status_code == 422
    assert answer.json()["message"] == INVALID
    errors = answer.json()["errors"]
    assert set(errors) == {"name", "ids.1", "cameras.1.uuid", "cameras.1.moment"}
    assert all(isinstance(text, str) for texts in errors.values() for text in texts)


def test_keeps_keys_that_are_dotted_already(stranger):
    errors = stranger.get("/api/v1/raise/dotted").json()["errors"]
    assert errors == {"ids.0": ["There is no such camera."], "to": ["Too late."]}


def test_names_the_whole_body(stranger):
    answer = stranger.post("/api/v1/echo", {"name": "refused"}, format="json")
    assert answer.json()["errors"] == {"non_field_errors": ["The whole is refused."]}
    assert stranger.post("/api/v1/echo", [1], format="json").status_code == 422


def test_flattens_errors_of_nested_objects_onto_their_key():
    detail = {"cameras": {"non_field_errors": ["Too many."]}, "a": {"b": [{}, {"c": ["x", "y"]}]}}
    assert dotted_errors(detail) == {"cameras": ["Too many."], "a.b.1.c": ["x", "y"]}


def test_does_not_leak_a_conflict_in_the_database(stranger):
    answer = stranger.get("/api/v1/raise/conflict")
    assert answer.status_code == 409
    assert "UNIQUE" not in answer.text


@pytest.mark.parametrize("path", ["/api/v1/raise/bug", "/api/v1/plain/bug"])
def test_answers_500_with_the_request_id_and_nothing_else(stranger, path):
    answer = stranger.get(path, headers={"x-request-id": "abc-1"})
    assert answer.status_code == 500
    assert answer.json() == {"message": "Server Error", "request_id": "abc-1"}
    assert answer["X-Request-ID"] == "abc-1"


def test_answers_500_as_a_page_to_people(stranger):
    answer = stranger.get("/page/bug", headers={"x-request-id": "abc-1", "accept": "text/html"})
    assert answer.status_code == 500
    assert "abc-1" in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize(("what", "status"), [("django-denied", 403), ("suspicious", 400)])
@pytest.mark.parametrize("kind", ["raise", "plain"])
def test_answers_errors_of_django_in_json(stranger, kind, what, status):
    answer = stranger.get(f"/api/v1/{kind}/{what}")
    assert (answer.status_code, list(answer.json())) == (status, ["message"])
    assert "secret" not in answer.text


def test_answers_an_unknown_host_in_json(stranger):
    answer = stranger.get("/api/v1/users", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()) == (400, {"message": "The request cannot be read."})


class Order(serializers.Serializer):
    ids = serializers.ListField(child=serializers.IntegerField(), required=False)
    notes = serializers.DictField(required=False)


class Wall(serializers.Serializer):
    cameras = Order(many=True)


@pytest.mark.parametrize(
    ("serializer", "body", "errors"),
    [
        (Order, {"ids": "1"}, {"ids": ["Expected a list but got a string."]}),
        (Order, {"ids": {}}, {"ids": ["Expected a list but got an object."]}),
        (Order, {"ids": 1.5}, {"ids": ["Expected a list but got a number."]}),
        (Order, {"notes": True}, {"notes": ["Expected an object but got true or false."]}),
        (Order, [], {"non_field_errors": ["Expected an object but got a list."]}),
        (Wall, {"cameras": 1}, {"cameras": ["Expected a list but got a number."]}),
        (Wall, {"cameras": ["x"]}, {"cameras.0": ["Expected an object but got a string."]}),
    ],
)
def test_names_types_as_json_does(serializer, body, errors):
    asked = serializer(data=body)
    assert not asked.is_valid()
    assert dotted_errors(asked.errors) == errors


def test_knows_every_type_json_has():
    read = json.loads('["", 1, 1.5, true, [], {}, null]')
    assert {type(value).__name__ for value in read} == set(JSON_NAMES)
