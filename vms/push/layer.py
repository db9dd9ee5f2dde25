"""The channel layer over Redis or Valkey, quiet where its library would leave a traceback."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from channels_redis.core import RedisChannelLayer

from vms.api.broadcast import BROKER_ERRORS


class PushLayer(RedisChannelLayer):  # type: ignore[misc] # the library has no types
    async def _clean_receive_backup(self, *arguments: Any) -> None:
        """Forget the copy of a message that was received; in a task nobody waits for.

        When the broker is cut off at that moment the copy comes again, as something sockets know.
        """
        with suppress(*BROKER_ERRORS):
            await super()._clean_receive_backup(*arguments)
