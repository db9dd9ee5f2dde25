"""The OpenAPI description of what accounts answer."""

from __future__ import annotations

import pytest
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema


@pytest.fixture
def described():
    patterns = [path("api/v1/", include("vms.accounts.urls"))]
    return SchemaGenerator(patterns=patterns).get_schema(public=True)


def test_is_valid(described):
    validate_schema(described)


def test_declares_the_refusals(described):
    responses = described["paths"]["/api/v1/token"]["post"]["responses"]
    assert set(responses) == {"200", "400", "415", "422", "429"}


def test_declares_the_envelope_of_lists(described):
    listed = described["paths"]["/api/v1/sessions"]["get"]
    assert {parameter["name"] for parameter in listed["parameters"]} == {"page", "per_page"}
    assert "PaginatedSessionList" in described["components"]["schemas"]


def test_declares_the_bearer_token(described):
    assert described["paths"]["/api/v1/user"]["get"]["security"] == [{"bearer": []}]
