"""The channel layer over Redis or Valkey, quiet where its library would leave a traceback.

The library keeps messages for each socket of the process until that reads them, and those of
sockets that are gone for ever (channels_redis 4.3): some kilobytes each. Ours says when it is gone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from channels_redis.core import BoundedQueue, RedisChannelLayer

from vms.api.broadcast import BROKER_ERRORS


class Buffers(dict[str, BoundedQueue]):
    """What came for each channel; what comes for one that nobody reads is not kept."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.read: set[str] = set()

    def __missing__(self, channel: str) -> BoundedQueue:
        queue = BoundedQueue(self.capacity)
        if channel in self.read:
            self[channel] = queue
        return queue


class PushLayer(RedisChannelLayer):  # type: ignore[misc] # the library has no types
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.receive_buffer = Buffers(self.capacity)

    async def receive(self, channel: str) -> Any:
        self.receive_buffer.read.add(channel)
        return await super().receive(channel)

    def forget(self, channel: str) -> None:
        """Let go of a channel that nobody will read again."""
        self.receive_buffer.read.discard(channel)
        self.receive_buffer.pop(channel, None)

    async def _clean_receive_backup(self, *arguments: Any) -> None:
        """Forget the copy of a message that was received; in a task nobody waits for.

        When the broker is cut off at that moment the copy comes again, as something sockets know.
        """
        with suppress(*BROKER_ERRORS):
            await super()._clean_receive_backup(*arguments)
