"""Sockets over the broker we ship, a real server in its own process."""

from __future__ import annotations

import asyncio
import copy
import gc

import pytest
from channels.layers import get_channel_layer
from channels_redis.core import RedisChannelLayer
from django.core.cache import caches

from tests.push.sockets import happen, plain
from vms import settings as own_settings

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

LONGER_THAN_THE_CLIENTS_TIMEOUT = 6


@pytest.fixture
def broker(valkey, settings):
    """Use the server as our settings do: for the channel layer and the cache."""
    process, url = valkey
    layers = copy.deepcopy(own_settings.CHANNEL_LAYERS)
    layers["default"]["CONFIG"]["hosts"][0]["address"] = url
    settings.CHANNEL_LAYERS = layers
    settings.CACHES = {"default": {**own_settings.CACHES["default"], "LOCATION": url}}
    yield process
    caches.close_all()


async def test_an_idle_socket_still_gets_an_event(broker, alice_session):
    async with plain(alice_session) as socket:
        assert await socket.receive_nothing(timeout=LONGER_THAN_THE_CLIENTS_TIMEOUT)
        event_id = await happen(alice_session)
        assert (await socket.receive_json())["id"] == event_id


async def test_a_socket_whose_broker_dies_asks_the_client_to_come_back(broker, alice_session):
    async with plain(alice_session) as socket:
        broker.kill()
        broker.wait()
        assert await socket.closed_with() == 1012


async def test_a_broker_cut_off_while_a_message_is_put_away_leaves_no_traceback(
    broker, alice_session, monkeypatch
):
    """The library puts it away in a task nobody waits for: asyncio would log what it raises."""
    put_away = []

    async def cut_off(_layer, *_arguments):
        put_away.append(True)
        raise ConnectionError

    monkeypatch.setattr(RedisChannelLayer, "_clean_receive_backup", cut_off)
    failures = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: failures.append(context))
    async with plain(alice_session) as socket:
        event_id = await happen(alice_session)
        assert (await socket.receive_json())["id"] == event_id
    gc.collect()
    assert put_away
    assert failures == []


async def test_nothing_is_kept_of_sockets_that_are_gone(broker, alice_session):
    for _ in range(3):
        async with plain(alice_session) as first, plain(alice_session) as second:
            event_id = await happen(alice_session)
            assert (await first.receive_json())["id"] == event_id
            assert (await second.receive_json())["id"] == event_id
    buffers = get_channel_layer().receive_buffer
    assert (buffers, buffers.read) == ({}, set())


async def test_what_comes_for_a_socket_that_is_gone_is_not_kept(broker, alice_session):
    layer = get_channel_layer()
    async with plain(alice_session):
        (gone,) = layer.receive_buffer.read
    async with plain(alice_session) as socket:
        await layer.send(gone, {"type": "push.event"})
        event_id = await happen(alice_session)
        # It came behind the other.
        assert (await socket.receive_json())["id"] == event_id
        assert gone not in layer.receive_buffer
