"""A recorded camera, and a broker that is away: only what is tested with one starts one."""

from __future__ import annotations

import pytest
from celery import current_app
from kombu import pools

from cameras.models import Camera
from tests import factories
from tests.push.conftest import valkey  # noqa: F401 - a fixture

NO_BROKER = "redis://127.0.0.1:1/0"


@pytest.fixture
def broker(monkeypatch):
    """Point Celery at a broker for the length of a test."""

    def broker(url: str) -> None:
        for name in ("broker_url", "broker_read_url", "broker_write_url"):
            monkeypatch.setitem(current_app.conf, name, url)
        forget_connections()

    yield broker
    forget_connections()


@pytest.fixture(autouse=True)
def no_broker(broker):
    """See that no test reaches the broker of a server that happens to run here."""
    broker(NO_BROKER)


def forget_connections() -> None:
    pools.reset()
    current_app._pool = None
    current_app.amqp._producer_pool = None


@pytest.fixture
def yard(alice) -> Camera:
    """Ten minutes of alice's camera."""
    return factories.recorded(owner=alice)
