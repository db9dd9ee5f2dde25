"""The connections to the shared cache: those of one process, whoever asks.

Django keeps a cache, and with it a pool of connections, for each thread or asynchronous context.
Each socket and each request is a context of its own, and what one opened stays open as long as it
lives: a thousand sockets would hold hundreds of connections to the broker.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from redis import ConnectionPool


class SharedPool:
    """Set as `pool_class` of the cache; the pool is safe to be shared by threads and forks."""

    @staticmethod
    @lru_cache
    def from_url(url: str, **options: Any) -> ConnectionPool:
        return ConnectionPool.from_url(url, **options)
