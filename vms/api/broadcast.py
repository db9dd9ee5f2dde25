"""Sending to sockets through the channel layer; a broker that is away costs a log line, no more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

# asyncio's TimeoutError and refused connections are OSErrors.
BROKER_ERRORS = (RedisError, OSError)
SEND_SECONDS = 5.0

Addressed = tuple[str, dict[str, Any]]

log = structlog.get_logger(__name__)


def send_to_groups(messages: Sequence[Addressed], within: float = SEND_SECONDS) -> bool:
    """Send (group, message) pairs in order; False, logged, when the broker could not take them.

    All together get *within* seconds: our Redis connections have no timeout of their own.
    """
    try:
        async_to_sync(deliver)(messages, within)
    except BROKER_ERRORS as error:
        log.warning(
            "push not sent, the broker is away",
            groups=[group for group, _message in messages],
            reason=type(error).__name__,
        )
        return False
    return True


async def deliver(messages: Sequence[Addressed], within: float) -> None:
    layer = get_channel_layer()
    async with asyncio.timeout(within):
        for group, message in messages:
            await layer.group_send(group, message)
