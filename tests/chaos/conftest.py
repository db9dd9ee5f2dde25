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
from tests.chaos.server import end_started
from tests.chaos.site import Site
from tests.chaos.verdict import HEAD, Row, judge
from tests.footage import Footage
from tests.rabbitmq import RabbitMQ, find_server
from tests.s3 import bucket, s3_front, s3_proxy, s3_server  # noqa: F401 - fixtures
from vms.ops.broker import EmbeddedBroker
from vms.ops.ports import free_port

FOOTAGE = Footage()
# A queue that workers declare in another way than we do would be refused by the server.
AS_WORKERS_DO = {
    "broker_transport_options": {"confirm_publish": True},
    "task_default_queue_type": "quorum",
    "task_create_missing_queue_type": "quorum",
}
ROW = "faults survived"
NAME_WIDTH = 68


@pytest.fixture(autouse=True, scope="session")
def restarted_servers():
    """End them last: test databases are removed before."""
    yield
    end_started()


@pytest.fixture
def site(transactional_db, tmp_path, monkeypatch, request):
    """A broker that runs; workers and beat are started by the test.

    With the parameter "rabbitmq" RabbitMQ carries the messages, and Valkey the rest.
    """
    (tmp_path / "valkey").mkdir()
    valkey = EmbeddedBroker(tmp_path / "valkey", free_port("127.0.0.1"), secrets.token_hex(16))
    made = Site(tmp_path, valkey)
    if getattr(request, "param", "valkey") == "rabbitmq":
        if find_server() is None:
            pytest.skip("no RabbitMQ on this machine: install the package rabbitmq-server")
        made.rabbitmq = RabbitMQ(tmp_path / "rabbitmq")
    use_broker(made.messages_url, monkeypatch)
    made.start_broker()
    yield made
    made.stop()
    forget_connections()


def use_broker(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process send its messages there."""
    values = dict.fromkeys(("broker_url", "broker_read_url", "broker_write_url"), url)
    if url.startswith("amqp"):
        values |= AS_WORKERS_DO
    for name, value in values.items():
        monkeypatch.setitem(current_app.conf, name, value)
    forget_connections()


def forget_connections() -> None:
    pools.reset()
    current_app._pool = None
    current_app.__dict__.pop("amqp", None)


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

    def survived(footage: Footage | None = FOOTAGE, *, pushes: int = 1, whole: bool = True) -> Row:
        row = judge(site, footage, pushes=pushes, whole=whole)
        name = request.node.name.removeprefix("test_").replace("_", " ")
        # With several processes the reports are all that reaches the one that prints.
        request.node.user_properties.append((ROW, f"{name:<{NAME_WIDTH}}{row}"))
        assert row.bad == {}, row
        return row

    return survived


def pytest_terminal_summary(terminalreporter) -> None:
    reports = (one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, ()))
    lines = [text for report in reports for name, text in report.user_properties if name == ROW]
    if lines:
        terminalreporter.section(ROW)
        terminalreporter.write_line(f"{'':<{NAME_WIDTH}}{HEAD}")
    for line in sorted(lines):
        terminalreporter.write_line(line)
