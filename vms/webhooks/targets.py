"""Where a webhook goes: an https address, taken apart and checked as far as its text tells."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from vms.values import HOST_NAME, is_address
from vms.webhooks.addresses import Network, may_connect

LONGEST_URL = 1000
HTTPS_PORT = 443
PRINTABLE = re.compile(r"[!-~]+")
# `127.1`, `0x7f.1` and `2130706433` are addresses to the resolver of the system.
NUMERIC_END = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?", re.IGNORECASE)

CURE = (
    "Write an address such as https://hooks.example.org/vms, in ASCII, without user, password "
    "and #."
)
REFUSED = "This server does not send to addresses of this kind."


class BadUrl(Exception):
    """No webhook can be sent there; the message is for who registers it."""


@dataclass(frozen=True)
class Target:
    """The parts of an address that a request is made of; *path* has the query, if any."""

    host: str
    port: int
    path: str


def read_target(url: str) -> Target:
    """Take the address of a webhook apart.

    Names are not resolved here: what they stand for is checked when it is connected to.

    Raises:
        BadUrl: it is not https, or no address, or a numeric one that is refused.
    """
    parts = split(url)
    host = parts.hostname or ""
    if is_address(host):
        if not may_connect(host, allowed_networks()):
            raise BadUrl(REFUSED)
    elif not HOST_NAME.fullmatch(host.removesuffix(".")) or NUMERIC_END.fullmatch(host):
        raise BadUrl(CURE)
    path = parts.path or "/"
    return Target(host, parts.port or HTTPS_PORT, f"{path}?{parts.query}" if parts.query else path)


def split(url: str) -> SplitResult:
    if not PRINTABLE.fullmatch(url) or len(url) > LONGEST_URL or re.search(r"[\\#]", url):
        raise BadUrl(CURE)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl(CURE) from error
    if parts.scheme != "https" or "@" in parts.netloc or port == 0:
        raise BadUrl(CURE)
    return parts


def allowed_networks() -> tuple[Network, ...]:
    """Return the networks that the operator lets webhooks into."""
    return parsed(tuple(settings.VMS["VMS_WEBHOOK_ALLOWED_NETWORKS"]))


@lru_cache(maxsize=8)
def parsed(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def shown(url: str) -> str:
    """Write an address for operators: path and query may hold somebody's secret."""
    return f"https://{urlsplit(url).netloc}/..."
