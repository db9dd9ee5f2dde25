"""The sockets of all processes, counted for `/metrics`."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from prometheus_client.parser import text_string_to_metric_families

from tests.push.sockets import opened, plain, pusher
from vms.push import census, watch
from vms.push.census import Place, count_sockets

pytestmark = pytest.mark.django_db(transaction=True)

REDIS = "django.core.cache.backends.redis.RedisCache"


@pytest.fixture(autouse=True)
def long(monkeypatch):
    """A busy machine may take longer for a test than counts are kept."""
    monkeypatch.setattr(census, "KEPT_SECONDS", 3600)


def told(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        sample.labels["kind"]: sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "vms_sockets"
    }


async def count():
    """Count once more, after what the watch itself may be writing down."""
    process = watch.watch()
    if process.counting:
        await process.counting
    await process.count()


async def test_metrics_tell_the_sockets_of_all_processes(client, alice_session):
    await sync_to_async(Place().write)(["plain", "plain", "plain"])
    async with (
        plain(alice_session),
        pusher(alice_session),
        opened("/ws/app/vms"),  # has not said who it is
    ):
        await count()
        assert await sync_to_async(told)(client) == {"plain": 4, "pusher": 1}
    await count()
    assert await sync_to_async(told)(client) == {"plain": 3, "pusher": 0}


async def test_the_watch_counts_by_itself(client, alice_session, monkeypatch):
    monkeypatch.setattr(watch, "LOOKS_BETWEEN_READS", 1)
    async with plain(alice_session):
        await watch.watch().look()
        await watch.watch().counting
        assert await sync_to_async(told)(client) == {"plain": 1, "pusher": 0}


@pytest.mark.parametrize("kind", ["in memory", "valkey"])
def test_each_process_keeps_a_slot_and_takes_another_when_it_lost_it(request, settings, kind):
    if kind == "valkey":
        _process, address = request.getfixturevalue("valkey")
        settings.CACHES = {"default": {"BACKEND": REDIS, "LOCATION": address}}
    one, other = Place(), Place()
    one.write(["plain"])
    other.write(["plain", "pusher"])
    one.write(["plain", "plain"])
    assert count_sockets() == {"plain": 3, "pusher": 1}
    # A broker that begins empty, and a process that was quicker.
    cache.clear()
    other.write(["plain"])
    one.write(["pusher"])
    assert count_sockets() == {"plain": 1, "pusher": 1}
    assert one.slot != other.slot


def test_a_process_that_is_gone_is_not_counted_for_long(monkeypatch):
    monkeypatch.setattr(census, "KEPT_SECONDS", 0)  # so long
    Place().write(["plain"])
    assert count_sockets() == {"plain": 0, "pusher": 0}


async def test_without_a_broker_the_figure_is_missing_and_sockets_stay(
    client, alice_session, settings
):
    async with plain(alice_session) as socket:
        settings.CACHES = {"default": {"BACKEND": REDIS, "LOCATION": "redis://127.0.0.1:1/0"}}
        await watch.watch().count()
        assert await sync_to_async(told)(client) == {}
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"
