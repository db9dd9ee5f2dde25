"""What VMS asks of a broker, asked of each kind there is, by itself: queues, counts, a restart."""

from __future__ import annotations

import signal

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from exports.wakeups import queue_length, queue_of, wake, wake_missing
from tests import factories
from tests.chaos.conftest import site  # noqa: F401 - a fixture
from tests.chaos.site import BROKERS, Site
from tests.running import wait_until
from vms.ops.diagnosis import Finding, Level, workers
from vms.ops.programs import exports_worker
from vms.ops.readiness import broker as is_reachable

pytestmark = [pytest.mark.processes, pytest.mark.parametrize("site", BROKERS, indirect=True)]


@pytest.fixture
def brokers(site, settings) -> Site:  # noqa: F811 - the fixture
    settings.REDIS_URL = site.broker.url
    settings.CELERY_BROKER_URL = site.messages_url
    url = site.messages_url if site.rabbitmq else None
    settings.VMS = {**settings.VMS, "VMS_BROKER_URL": url}
    return site


def test_counts_what_waits_in_each_queue(brokers):
    assert queue_length("exports.nowhere") == 0
    for _ in range(3):
        assert wake("north")
    assert wake("")
    wait_until(lambda: queue_length(queue_of("north")) == 3)
    wait_until(lambda: queue_length("exports") == 1)


def test_sends_the_messages_that_are_missing_and_no_more(brokers):
    for node in ("north", "north", "north", ""):
        factories.job(node=node)
    wake("north")
    wait_until(lambda: queue_length("exports.north") == 1)
    assert wake_missing() == 3
    wait_until(lambda: queue_length("exports.north") == 3)
    wait_until(lambda: queue_length("exports") == 1)
    assert wake_missing() == 0


def test_says_that_a_broker_is_away_and_that_it_is_back_with_what_it_had(brokers):
    assert is_reachable() == "ok"
    for _ in range(2):
        wake("")
    wait_until(lambda: queue_length("exports") == 2)
    # Killed, RabbitMQ may forget a queue that was declared a second before.
    brokers.kill_broker(forget=False, sign=signal.SIGTERM)
    assert is_reachable() != "ok"
    assert not wake("")
    with pytest.raises(OperationalError):
        queue_length("exports")
    brokers.start_broker()
    wait_until(lambda: is_reachable() == "ok")
    wait_until(lambda: length_once_told("exports") == 2)


def test_workers_declare_the_queues_as_those_who_send_do(brokers):
    """Else RabbitMQ refuses whoever comes second; and doctor sees who reads which."""
    worker = brokers.spawn("north", exports_worker("north", 1).command)
    log = brokers.folder / "north.log"
    wait_until(lambda: "ready." in log.read_text() or worker.poll() is not None)
    assert wake("north")
    wait_until(lambda: "make_next" in log.read_text() and queue_length("exports.north") == 0)
    assert "PRECONDITION" not in log.read_text()
    assert [one.value for one in said_of_workers()] == ["every node has one for its exports"]
    beside_nobody(camera="Yard", node="south")
    [south] = said_of_workers()
    assert (south.level, "node south: 0 exports wait, 1 streams" in south.value) == (
        Level.NOTE,
        True,
    )
    factories.job(node="south")
    [south] = said_of_workers()
    assert (south.level, "1 exports wait" in south.value) == (Level.WRONG, True)
    assert "VMS_NODE=south" in south.cure
    if brokers.rabbitmq is not None:
        assert "current is 'quorum'" in refusal_of_another_kind(queue_of("north"))


def length_once_told(name: str) -> int | None:
    """Ask for the length of a queue; None while a server that has just begun refuses to tell."""
    try:
        return queue_length(name)
    except OperationalError:
        return None


def said_of_workers() -> list[Finding]:
    """Ask as the doctor does."""
    return list(workers())


def beside_nobody(*, camera: str, node: str) -> None:
    factories.stream(factories.camera(name=camera), node=node)


def refusal_of_another_kind(name: str) -> str:
    """Say what RabbitMQ answers who takes the queue for one that lies on a single machine."""
    with current_app.connection_for_write() as connection:
        channel = connection.default_channel
        kind = {"x-queue-type": "classic"}
        try:
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=kind)
        except connection.channel_errors as error:
            return str(error)
    return "taken"
