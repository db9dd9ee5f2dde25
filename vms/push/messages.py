"""How an event travels to sockets: what is addressed to which group of the channel layer."""

from __future__ import annotations

from typing import Any

from vms.api.broadcast import Addressed
from vms.push.channels import token_channel, user_channel

TOKEN_PUSH = "App\\Events\\TokenPush"  # noqa: S105 - the name of an event
USER_PUSH = "App\\Events\\UserPush"

Body = dict[str, Any]


def wire_body(body: Body, event_id: int | None) -> Body:
    """Wrap *body* the way clients expect it; only kept events carry an id."""
    wire = {"data": body, "subject": None, "message": None}
    return wire if event_id is None else {**wire, "id": event_id}


def addressed(user_id: int, session_id: str, wire: Body) -> list[Addressed]:
    """Address an event to the session that ordered, if any, and to its user.

    A plain socket of that session hears both and drops the second.
    """
    to_user = user_channel(user_id), user_push(user_id, session_id, wire)
    if not session_id:
        return [to_user]
    return [(token_channel(session_id), token_push(session_id, wire)), to_user]


def token_push(session_id: str, wire: Body) -> Body:
    return push(TOKEN_PUSH, token_channel(session_id), session_id, wire)


def user_push(user_id: int, session_id: str, wire: Body) -> Body:
    return push(USER_PUSH, user_channel(user_id), session_id, wire)


def push(event: str, channel: str, session_id: str, wire: Body) -> Body:
    """Make the layer's message; `push.event` names the method of the socket that receives it."""
    return {
        "type": "push.event",
        "event": event,
        "channel": channel,
        "session_id": session_id,
        "body": wire,
    }
