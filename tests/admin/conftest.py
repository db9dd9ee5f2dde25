from __future__ import annotations

import pytest


@pytest.fixture
def pages(client, operator):
    """Open the operator pages as an operator who may do everything there."""
    operator.is_superuser = True
    operator.save()
    client.force_login(operator)
    return client
