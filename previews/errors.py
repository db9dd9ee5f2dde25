"""Why a picture or clip cannot be shown. Known to the web process and to its renderers; pure."""

from __future__ import annotations

import errno

# The disk is full, or nothing may be written to it; what is shown has nothing to do with it.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class CannotRender(Exception):
    """There is nothing to show; the message says why to whoever followed the link (404)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Busy(Exception):
    """It would take too long at the moment; the same again in `seconds` may do (503)."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def is_no_room(error: BaseException) -> bool:
    """Say whether a result could not be written for want of room; also of libav's errors."""
    return getattr(error, "errno", None) in NO_ROOM
