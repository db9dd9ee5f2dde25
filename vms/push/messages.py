"""How an event travels to sockets: one message to all of a user's, who sort out whose it is."""

from __future__ import annotations

from typing import Any

from vms.push.models import Event

TOKEN_PUSH = "App\\Events\\TokenPush"  # noqa: S105 - the name of an event
USER_PUSH = "App\\Events\\UserPush"

Body = dict[str, Any]


def message_of(event: Event) -> Body:
    """Make the channel layer's message of a kept event."""
    return push(event.user_id, event.session_id, wire_body(event.body, event.number))


def push(user_id: int, session_id: str, wire: Body) -> Body:
    """Make the layer's message; `push.event` names the method of the socket that receives it."""
    return {"type": "push.event", "user_id": user_id, "session_id": session_id, "body": wire}


def wire_body(body: Body, number: int | None) -> Body:
    """Wrap *body* the way clients expect it; only kept events carry an id."""
    wire = {"data": body, "subject": None, "message": None}
    return wire if number is None else {**wire, "id": number}


def number_of(message: Body) -> int | None:
    """Return the number of the event in a layer's message; None when it is not a kept one."""
    number: int | None = message["body"].get("id")
    return number
