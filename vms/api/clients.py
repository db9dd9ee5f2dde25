"""Which program, device and address a request comes from, as far as it says."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

THICK_CLIENT = "thick-legal"
NAME_LENGTH = 64
DEVICE_LENGTH = 128


@dataclass(frozen=True)
class Client:
    """What a session keeps about the one who signed in; empty texts where nothing was sent."""

    name: str = ""
    device: str = ""
    address: str | None = None


def client_of(request: HttpRequest | Request) -> Client:
    """Read `X-Client`, `X-UUID` and the remote address; unknown client names are kept as sent."""
    return Client(
        name=header_text(request, "X-Client", NAME_LENGTH),
        device=header_text(request, "X-UUID", DEVICE_LENGTH),
        address=remote_address(request),
    )


def remote_address(request: HttpRequest | Request) -> str | None:
    """Return the client's address, seen through trusted proxies only; None on a local socket.

    Of `X-Forwarded-For` the last address that is not a trusted proxy counts: whatever stands
    before it was written by the client.
    """
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    address = plain_address(request.META.get("REMOTE_ADDR", ""))
    while address is not None and hops and is_trusted(address):
        forwarded = plain_address(hops.pop())
        if forwarded is None:
            break
        address = forwarded
    return address


def header_text(request: HttpRequest | Request, name: str, length: int) -> str:
    text = request.headers.get(name, "")
    return "".join(letter for letter in text if letter.isprintable()).strip()[:length]


def plain_address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return None


def is_trusted(address: str) -> bool:
    return any(covers(proxy, address) for proxy in settings.VMS["VMS_TRUSTED_PROXIES"])


def covers(proxy: str, address: str) -> bool:
    """Say whether *proxy*, an address or a network, includes *address*."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(proxy, strict=False)
    except ValueError:
        return False
