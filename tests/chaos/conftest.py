"""A site for each fault, and the table of how each was survived."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from celery import current_app
from django.utils import timezone
from kombu import pools

from cameras.archive.scanner import scan_folder
from cameras.models import Stream
from tests import factories
from tests.chaos.site import Site
from tests.chaos.verdict import HEAD, Row, judge
from tests.footage import Footage
from tests.s3 import bucket, s3_front, s3_proxy, s3_server  # noqa: F401 - fixtures
from vms.ops.broker import EmbeddedBroker
from vms.ops.ports import free_port

FOOTAGE = Footage()
rows: list[tuple[str, Row]] = []


@pytest.fixture
def site(transactional_db, tmp_path, monkeypatch):
    """A broker that runs; workers and beat are started by the test."""
    (tmp_path / "valkey").mkdir()
    broker = EmbeddedBroker(tmp_path / "valkey", free_port("127.0.0.1"), secrets.token_hex(16))
    for name in ("broker_url", "broker_read_url", "broker_write_url"):
        monkeypatch.setitem(current_app.conf, name, broker.url)
    forget_connections()
    made = Site(tmp_path, broker)
    made.start_broker()
    yield made
    made.stop()
    forget_connections()


def forget_connections() -> None:
    pools.reset()
    current_app._pool = None
    current_app.amqp._producer_pool = None


@pytest.fixture
def stream(site, settings) -> Stream:
    """Twenty seconds of footage whose pictures carry numbers."""
    made = factories.stream(factories.camera())
    FOOTAGE.make(settings.ARCHIVE_DIR / str(made.pk))
    scan_folder(factories.folder(made), full=False, now=timezone.now())
    made.refresh_from_db()
    return made


@pytest.fixture
def survived(site, request) -> Callable[..., Row]:
    """Judge the site, print the row and fail unless nothing was lost, doubled or left."""

    def survived(footage: Footage | None = FOOTAGE, *, pushes: int = 1) -> Row:
        row = judge(site, footage, pushes=pushes)
        rows.append((request.node.name.removeprefix("test_"), row))
        assert row.bad == {}, row
        return row

    return survived


def pytest_terminal_summary(terminalreporter) -> None:
    if rows:
        terminalreporter.section("faults survived")
        terminalreporter.write_line(f"{'':<56}{HEAD}")
    for name, row in rows:
        terminalreporter.write_line(f"{name.replace('_', ' '):<56}{row}")
