"""Addresses of streams: which are accepted, and how one is shown without its credentials."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

SCHEMES = ("rtsp", "rtsps", "http", "https", "file", "demo")
NETWORK = frozenset({"rtsp", "rtsps", "http", "https"})
LONGEST = 1000
HIDDEN = "***"

# Cameras that take them as parameters, in the query or in the middle of the path, under names of
# their makers' own: loginpas, userpwd, authbasic. Some harmless ones (design) are hidden too.
PARAMETERS = re.compile(
    r"(?i)(?<![a-z0-9])([a-z0-9_]*(?:user|usr|login|account|pass|pwd|psw|auth|token|secret|ticket"
    r"|sign|session)[a-z0-9_]*|(?:[a-z0-9]*_)?(?:api|app|access|stream)?key|pw|sid)=[^&;/?#]*"
)


class BadSource(Exception):
    """An address that no stream can have; the message says the cure and never repeats it."""


def check_source_url(url: str) -> None:
    """Refuse an address we could not record from; empty is allowed (a stream without recording).

    Raises:
        BadSource: with what to write instead.
    """
    if not url:
        return
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in SCHEMES:
        raise BadSource(
            f"Write an address that begins with one of {', '.join(f'{one}:' for one in SCHEMES)}."
        )
    if len(url) > LONGEST:
        raise BadSource(f"Write an address of at most {LONGEST} characters.")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise BadSource("Write the address without spaces; %20 stands for one.")
    if HIDDEN in url:
        raise BadSource(f"Write the user and password in full where {HIDDEN} stands.")
    if scheme in NETWORK:
        check_host(url)
    if scheme == "file" and not file_path(rest).startswith("/"):
        raise BadSource("Write the whole path of the file: file:///folder/film.mp4.")


def check_host(url: str) -> None:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        has_host = False
    if not has_host:
        raise BadSource("Write a host after ://, and special characters of a password as %XX.")
    if "@" in parts.path + parts.query + parts.fragment:
        raise BadSource("Write an @ or / inside user, password or path as %40 or %2F.")


def file_path(rest: str) -> str:
    """Return the path after `file:`, whose host part has to be empty."""
    return rest.removeprefix("//")


def shown_url(url: str) -> str:
    """Return *url* as it may be shown and logged: no user, password, token or the like.

    Rather too little is shown than too much: of an address that cannot be read, all before the
    last @ is left out.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme != "file":
        rest = rest.rpartition("@")[2]
    return PARAMETERS.sub(rf"\1={HIDDEN}", scheme + separator + rest)
