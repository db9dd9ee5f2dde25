"""How many sockets of an address are open without having said who they are; each process counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

MOST_OF_AN_ADDRESS = 100

open_sockets: Counter[str] = Counter()


def address_of(scope: Mapping[str, Any]) -> str:
    """Name the client's address, seen through trusted proxies; empty on a local socket."""
    return str(scope["client"][0]) if scope.get("client") else ""


def enter(address: str) -> bool:
    """Count one more socket of *address*; False, and not counted, when it has too many."""
    if address and open_sockets[address] >= MOST_OF_AN_ADDRESS:
        return False
    open_sockets[address] += 1
    return True


def leave(address: str) -> None:
    open_sockets[address] -= 1
    if not open_sockets[address]:
        del open_sockets[address]
