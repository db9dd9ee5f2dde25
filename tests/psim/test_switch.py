"""`VMS_PSIM_API`: with it the addresses are there and described, without it neither."""

from __future__ import annotations

from importlib import reload

import pytest
from drf_spectacular.generators import SchemaGenerator

from exports.psim import urls

CALLS = (
    "/createarchivetask",
    "/getarchivetaskstatus",
    "/deletearchivetask",
    "/download",
    "/token",
)


@pytest.fixture
def switch(settings):
    """Set the switch and read the map of addresses anew, as a server does that starts."""

    def switch(value):
        settings.VMS = {**settings.VMS, "VMS_PSIM_API": value}
        reload(urls)
        settings.ROOT_URLCONF = "exports.psim.urls"

    yield switch
    settings.VMS = {**settings.VMS, "VMS_PSIM_API": True}
    reload(urls)


@pytest.mark.parametrize(("value", "status"), [(True, {400, 401}), (False, {404})])
def test_answers_or_does_not(client, db, switch, value, status):
    switch(value)
    assert {client.get(address).status_code for address in CALLS} == status


@pytest.mark.parametrize("value", [True, False])
def test_describes_what_it_answers(switch, value):
    switch(value)
    described = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    assert {address in described for address in CALLS} == {value}
