"""A recorded camera of alice, and how many queries an answer may take."""

from __future__ import annotations

import pytest

from cameras.models import Camera
from tests import factories

PASSWORD_IN_ADDRESS = "hunter2"
MOST_QUERIES = 8


@pytest.fixture
def yard(alice) -> Camera:
    """Ten minutes of alice's camera; its address holds a password."""
    made = factories.recorded(owner=alice)
    made.streams.update(url=f"rtsp://admin:{PASSWORD_IN_ADDRESS}@10.0.0.1/live")
    return made


@pytest.fixture
def foreign(alice, mallory) -> Camera:
    """A camera that is not alice's."""
    return factories.recorded(owner=mallory, name="Theirs")
