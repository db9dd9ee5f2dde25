"""Why a socket is closed, and the code that tells the client what to do about it."""

from __future__ import annotations

from enum import Enum, auto

# RFC 6455 registry: "service restart", come back. What both kinds of socket say when broker or
# database went away under them, and what the web server says when it stops.
SERVICE_RESTART = 1012


class Why(Enum):
    """What a client did, or did not do, or what happened to it."""

    UNAUTHENTICATED = auto()
    UNREADABLE = auto()
    TOO_MUCH = auto()
    UNKNOWN_APP = auto()
    UNKNOWN_VERSION = auto()
    SILENT = auto()
    UNUSED = auto()


# Our own, after the HTTP statuses of the same meaning.
PLAIN_CODES = {
    Why.UNREADABLE: 4400,
    Why.UNAUTHENTICATED: 4401,
    Why.UNUSED: 4401,
    Why.TOO_MUCH: 4429,
}

# Source: Pusher Channels Protocol, version 7, "Error codes". 4000 to 4099: do not come back
# unchanged; 4100 to 4199: come back after a while; 4200 to 4299: come back at once. Unreadable is
# a number of our own: the protocol has none for it.
PUSHER_CODES = {
    Why.UNKNOWN_APP: 4001,
    Why.UNKNOWN_VERSION: 4007,
    Why.UNAUTHENTICATED: 4009,
    Why.UNREADABLE: 4010,
    Why.TOO_MUCH: 4100,
    Why.SILENT: 4201,
    Why.UNUSED: 4202,
}
