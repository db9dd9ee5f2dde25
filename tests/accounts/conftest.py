"""Signing in as clients do."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from tests.conftest import PASSWORD


@pytest.fixture
def stranger(db) -> APIClient:
    return APIClient()


@pytest.fixture
def sign_in(stranger):
    """Post credentials to the token call; the right ones unless others are given."""

    def sign_in(login="alice", password=PASSWORD, path="/api/v1/token", **headers):
        body = {"login": login, "password": password}
        return stranger.post(path, body, format="json", **headers)

    return sign_in


@pytest.fixture
def bearer():
    """Make a client that sends an access token."""

    def bearer(token: str) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return client

    return bearer
