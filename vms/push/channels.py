"""Names of push channels and the signatures that let a Pusher socket subscribe to them.

A channel has one inner name, `token.<session>` or `user.<user>`, which is also the name of its
channel-layer group. On a Pusher socket the same channel may carry the prefix `private-`.
"""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings

PRIVATE = "private-"
SECRET_LABEL = b"vms push app secret"


def token_channel(session_id: str) -> str:
    """Name the channel of one session."""
    return f"token.{session_id}"


def user_channel(user_id: int) -> str:
    """Name the channel of all sessions of a user."""
    return f"user.{user_id}"


def without_prefix(channel: str) -> str:
    """Turn the name a Pusher client uses into the inner name."""
    return channel.removeprefix(PRIVATE)


def own_channels(session_id: str, user_id: int) -> frozenset[str]:
    """List the inner names of the channels a session may listen to."""
    return frozenset({token_channel(session_id), user_channel(user_id)})


def app_key() -> str:
    return str(settings.VMS["VMS_PUSH_APP_KEY"])


def app_secret() -> bytes:
    """Derive the Pusher app secret from the server's key, so that there is one secret to keep."""
    return hmac.digest(settings.SECRET_KEY.encode(), SECRET_LABEL, hashlib.sha256)


def sign_channel(socket_id: str, channel: str) -> str:
    """Sign a subscription: `<app key>:<hex HMAC-SHA256 of "socket_id:channel">`.

    Source: Pusher Channels, "Authorizing users", the signature of private channels.
    """
    told = f"{socket_id}:{channel}".encode("utf-8", "replace")
    return f"{app_key()}:{hmac.new(app_secret(), told, hashlib.sha256).hexdigest()}"


def verify(socket_id: str, channel: str, auth: str) -> bool:
    """Say whether *auth* is our signature for this socket and channel, in constant time."""
    expected = sign_channel(socket_id, channel)
    return hmac.compare_digest(expected.encode(), auth.encode("utf-8", "replace"))
