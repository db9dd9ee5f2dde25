"""The OpenAPI description of everybody's downloads."""

from __future__ import annotations

import pytest
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator

from tests import factories

PREFIX = "/api/admin/v1/downloads"


@pytest.fixture
def described():
    patterns = [path("api/admin/v1/", include("downloads.admin_urls"))]
    return SchemaGenerator(patterns=patterns).get_schema(public=True)


@pytest.mark.parametrize(
    ("call", "statuses"),
    [
        ("get", {"200", "401", "402", "403", "422"}),
        ("post", {"200", "400", "401", "402", "403", "415", "422", "429"}),
        ("get /{id}", {"200", "401", "402", "403", "404"}),
        ("delete /{id}", {"200", "401", "402", "403", "404"}),
        ("post /{id}/repeat", {"200", "401", "402", "403", "404", "422", "429"}),
        ("post /{id}/cancel", {"200", "401", "402", "403", "404", "422"}),
    ],
)
def test_declares_every_status(described, call, statuses):
    method, _, rest = call.partition(" ")

    # What any request or any body can bring about is declared for all: `tests/api/test_schema.py`.
    common = {"400", "406", "409", "413", "415", "500"}
    responses = set(described["paths"][PREFIX + rest][method]["responses"])
    assert responses - common == statuses - common


def test_declares_every_key(described, api, operator, yard):
    download = factories.ready_download(operator, stream=yard.streams.get())
    record = api(operator).get(f"{PREFIX}/{download.pk}").json()
    schemas = described["components"]["schemas"]

    assert schemas["AdminRecord"]["properties"].keys() == record.keys()
    stream = record["stream"]
    assert schemas["AdminStream"]["properties"].keys() == stream.keys()
    assert schemas["AdminCamera"]["properties"].keys() == stream["camera"].keys()


def test_declares_the_keys_of_an_order(described):
    order = described["components"]["schemas"]["AdminOrder"]

    assert {"from", "to", "camera_id", "stream_id", "ids", "stream", "format"} <= set(
        order["properties"]
    )
    assert set(order["required"]) == {"from", "to"}
