"""The shared cache: one pool of connections a process, however many contexts there are."""

from __future__ import annotations

import contextvars

import pytest
import redis
from django.core.cache import cache, caches

from tests.push.conftest import valkey
from vms import settings as ours

__all__ = ["valkey"]


@pytest.fixture
def real_cache(settings, valkey):
    """Use the cache as the settings have it, on a server of this test."""
    _process, url = valkey
    settings.CACHES = {"default": {**ours.CACHES["default"], "LOCATION": url}}
    return url


def test_contexts_share_the_connections_of_the_process(real_cache):
    contexts = [contextvars.Context() for _ in range(10)]
    found = [context.run(lambda: (cache.set("key", 1), caches["default"])) for context in contexts]
    assert len({id(one) for _nothing, one in found}) == 10  # what Django does
    with redis.Redis.from_url(real_cache) as client:
        assert len(client.client_list()) == 2  # the pool's, and this one
    assert cache.get("key") == 1
