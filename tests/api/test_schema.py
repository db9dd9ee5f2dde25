"""The OpenAPI description of what accounts answer."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tests.api.test_permissions import ROWS

# Any request can be unreadable, want another type than JSON, or meet a mistake of ours.
OF_ALL = {"400", "406", "500"}


@pytest.fixture
def described():
    patterns = [path("api/v1/", include("vms.accounts.urls"))]
    return SchemaGenerator(patterns=patterns).get_schema(public=True)


def test_is_valid(described):
    validate_schema(described)


def test_declares_the_refusals(described):
    responses = described["paths"]["/api/v1/token"]["post"]["responses"]
    assert set(responses) == OF_ALL | {"200", "409", "413", "415", "422", "429"}


def test_declares_what_any_request_can_bring_about(described):
    for item in described["paths"].values():
        for method, operation in item.items():
            declared = set(operation["responses"])
            assert declared >= OF_ALL, operation["operationId"]
            assert ("requestBody" in operation) is ("413" in declared), (method, declared)


def test_declares_headers_and_an_example_of_refusals(described):
    for item in described["paths"].values():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                assert "X-Request-ID" in answer["headers"]
                assert ("WWW-Authenticate" in answer["headers"]) is (status == "401")
                assert ("Retry-After" in answer["headers"]) is (status == "429")
                if status != "200":
                    example = answer["content"]["application/json"]["example"]
                    assert isinstance(example["message"], str)


def test_declares_an_array_for_what_a_post_makes():
    whole = SchemaGenerator(urlconf="vms.urls").get_schema(public=True)
    posted = whole["paths"]["/api/v1/downloads"]["post"]
    answer = posted["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"type": "array", "items": {"$ref": "#/components/schemas/Record"}}
    assert "parameters" not in posted


def test_is_openapi_3_1(described):
    assert described["openapi"] == "3.1.0"


def test_shows_the_document_with_pages_of_our_own(settings):
    settings.ROOT_URLCONF = "vms.urls"
    page = Client().get("/api/docs")
    sources = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(sources) > 2
    ours = ("/static/drf_spectacular_sidecar/", "/api/docs?")
    assert all(source.startswith(ours) for source in sources)
    for source in sources:
        assert Client().get(source).status_code == 200, source


def test_declares_the_envelope_of_lists(described):
    listed = described["paths"]["/api/v1/sessions"]["get"]
    assert {parameter["name"] for parameter in listed["parameters"]} == {"page", "per_page"}
    assert "PaginatedSessionList" in described["components"]["schemas"]


def test_declares_the_bearer_token(described):
    assert described["paths"]["/api/v1/user"]["get"]["security"] == [{"bearer": []}]


def test_describes_files_links_and_health_too():
    paths = SchemaGenerator(urlconf="vms.urls").get_schema(public=True)["paths"]
    described = {
        path: set(paths[path]["get"]["responses"])
        for path in ("/storage/{secret}/{name}", "/preview/{token}/{name}", "/readyz", "/metrics")
    }
    link = {"200", "206", "304", "404", "405", "416", "500", "503"}
    assert described == {
        "/storage/{secret}/{name}": link | {"302"},
        "/preview/{token}/{name}": link | {"403", "422"},
        "/readyz": {"200", "405", "500", "503"},
        "/metrics": {"200", "403", "405", "500"},
    }
    assert "video/mp4" in paths["/storage/{secret}/{name}"]["get"]["responses"]["206"]["content"]


def test_every_address_of_the_server_but_pages_is_described():
    whole = SchemaGenerator(urlconf="vms.urls").get_schema(public=True)["paths"]
    pages = {"/", "/admin", "/admin/password_change/", "/api/docs"}
    addresses = {address for _method, address in ROWS} - pages
    assert {shape(address) for address in addresses} <= {shape(path) for path in whole}


def shape(address):
    """Take the names out of an address; what a link holds are its last two parts."""
    whole = address.replace("{link}", "{token}/{name}")
    return re.sub(r"\{\w+\}", "{}", whole)


def test_declares_the_parts_of_each_address_once():
    """Else programs that write clients leave the call out."""
    paths = SchemaGenerator(urlconf="vms.urls").get_schema(public=True)["paths"]
    for address, item in paths.items():
        for operation in item.values():
            declared = [
                one["name"] for one in operation.get("parameters", []) if one["in"] == "path"
            ]
            assert sorted(declared) == sorted(re.findall(r"\{(\w+)\}", address)), address


def test_gives_each_call_a_name_of_its_own():
    paths = SchemaGenerator(urlconf="vms.urls").get_schema(public=True)["paths"]
    names = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert len(names) == len(set(names))
