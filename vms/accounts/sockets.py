"""What the sockets of a session hear about it: that it has ended.

The sockets themselves live above; they join the group of their session and wait.
"""

from __future__ import annotations

from collections.abc import Iterable

from vms.api.broadcast import send_to_groups

# Somebody waits for the answer meanwhile. Sockets that missed the word look for themselves.
TELL_SECONDS = 1.0


def session_group(session_id: str) -> str:
    """Name the group that every socket of a session joins, whatever it subscribed to."""
    return f"session.{session_id}"


def close_sockets(session_ids: Iterable[str]) -> None:
    """Close the sockets of ended sessions now instead of at their next look at the database.

    `session.ended` names the method of the socket that receives it.
    """
    messages = [
        (session_group(session_id), {"type": "session.ended", "session_id": session_id})
        for session_id in session_ids
    ]
    if messages:
        send_to_groups(messages, TELL_SECONDS)
