"""Limits on how often something may be tried, counted on the cache all processes share."""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import ClassVar

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from vms.api.clients import remote_address

logger = structlog.get_logger(__name__)


class SlotThrottle(BaseThrottle):
    """At most *limit* tries in any stretch of *window*, for each one that `who` tells apart.

    A try takes one of *limit* slots, each kept by the cache for *window*. Taking a slot is one
    atomic step, so tries at the same moment cannot share one. When the cache cannot be reached
    the try is let through: a broker that is down must not lock everybody out.
    """

    scope: ClassVar[str]
    limit: ClassVar[int]
    window: ClassVar[timedelta]
    wait_seconds: float | None = None

    def who(self, request: Request, view: APIView) -> str | None:
        """Name the one who tries; None is never limited."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        name = self.who(request, view)
        return name is None or self.admits(name)

    def admits(self, name: str) -> bool:
        """Count a try of *name*; False when there were too many, and `wait` then tells how long."""
        try:
            self.wait_seconds = self.take_slot(self.slots_of(name), time.time())
        except (RedisError, OSError) as error:
            logger.warning("throttle_unavailable", scope=self.scope, error=type(error).__name__)
            return True
        return self.wait_seconds is None

    def wait(self) -> float | None:
        return self.wait_seconds

    def slots_of(self, name: str) -> list[str]:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return [f"throttle.{self.scope}.{digest}.{number}" for number in range(self.limit)]

    def take_slot(self, slots: list[str], now: float) -> float | None:
        """Take a free slot; the seconds until one becomes free when all are taken."""
        seconds = self.window.total_seconds()
        if any(cache.add(slot, now, timeout=int(seconds)) for slot in slots):
            return None
        taken = cache.get_many(slots).values()
        return max(1.0, min(taken, default=now) + seconds - now)


class AddressThrottle(SlotThrottle):
    """A limit for each remote address."""

    def who(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - the base's signature
        return remote_address(request)
