"""Limits on tries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.test import RequestFactory
from rest_framework.views import APIView

from vms.api.throttling import AddressThrottle


class ThreeTries(AddressThrottle):
    scope = "test"
    limit = 3
    window = timedelta(seconds=60)


def allowed(address="192.0.2.1"):
    return ThreeTries().allow_request(RequestFactory().get("/", REMOTE_ADDR=address), APIView())


def test_lets_as_many_through_as_the_limit_says():
    assert [allowed() for _ in range(5)] == [True, True, True, False, False]


def test_counts_each_address_by_itself():
    assert [allowed() for _ in range(4)][-1] is False
    assert allowed("192.0.2.2")


def test_lets_no_more_through_when_they_come_at_once():
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: allowed(), range(40))) == 3


def test_frees_a_slot_when_the_oldest_try_leaves_the_window():
    throttle = ThreeTries()
    slots = throttle.slots_of("somebody")
    assert [throttle.take_slot(slots, now) for now in (1000, 1010, 1020)] == [None] * 3
    assert throttle.take_slot(slots, 1030) == 30.0


def test_never_limits_what_has_no_name():
    class Nameless(ThreeTries):
        who = staticmethod(lambda request, view: None)

    asking = RequestFactory().get("/")
    assert all(Nameless().allow_request(asking, APIView()) for _ in range(10))


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "unix:///nowhere/socket"])
def test_lets_everybody_through_without_a_cache(settings, address):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": address,
        }
    }
    assert all(allowed() for _ in range(5))
