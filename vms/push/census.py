"""How many sockets the whole installation has: each web process writes its own count down.

Whoever is asked for figures is seldom the process with the sockets, so the counts are in the cache
that all share: a slot for each process, which is free again soon after the process has died.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping

from django.core.cache import cache

KINDS = ("plain", "pusher")
# Longer than a process takes from one count to the next.
KEPT_SECONDS = 15
SLOTS = [f"push.sockets.{number}" for number in range(256)]


class Place:
    """Where one process writes its count; above so many processes the others are not counted."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(8)
        self.slot: str | None = None

    def write(self, kinds: Iterable[str]) -> None:
        """Write down how many sockets of each kind there are, given the kind of each."""
        written = {"process": self.process, "sockets": dict(Counter(kinds))}
        if self.slot is not None and self.is_mine(cache.get(self.slot)):
            cache.set(self.slot, written, KEPT_SECONDS)
        else:
            free = (slot for slot in SLOTS if cache.add(slot, written, KEPT_SECONDS))
            self.slot = next(free, None)

    def is_mine(self, found: Mapping[str, object] | None) -> bool:
        return found is not None and found["process"] == self.process


def count_sockets() -> dict[str, int]:
    """Add up what the processes wrote: kind -> sockets of clients that have said who they are."""
    counted: Counter[str] = Counter()
    for written in cache.get_many(SLOTS).values():
        counted.update(written["sockets"])
    return {kind: counted[kind] for kind in KINDS}
