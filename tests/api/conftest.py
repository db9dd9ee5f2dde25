"""The endpoints of tests/api/urlconf.py, and a client that gets answers where a server would."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient


@pytest.fixture(autouse=True)
def own_endpoints(settings):
    settings.ROOT_URLCONF = "tests.api.urlconf"


@pytest.fixture
def stranger() -> APIClient:
    """Nobody signed in; a server error is an answer, as it is outside tests."""
    return APIClient(raise_request_exception=False)
