"""Letting go of what links to the archive held: pins nobody reads by, recipes of dead links."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings

from previews.cuts import ENDING, pins

log = structlog.get_logger(__name__)

# Without a request or a read for so long a link counts as done with; it may be followed again.
IDLE = timedelta(minutes=10)
# Who follows a link at its end may still read on for a while.
DEAD_AFTER = timedelta(hours=6)
# What recipes may take of the disk. One of an hour has about a megabyte, one of a day 70.
MOST_BYTES = 2 * 2**30


def release_links(now: datetime) -> int:
    """Release pins of links nobody reads any more, drop recipes that are of no use.

    Returns how many links were let go of. A reader that goes on is asked for again and again
    (`OpenCut.keep`), so nothing is taken from under it.
    """
    released = pins().sweep(now - IDLE, lambda _key: False)
    kept = {key for _root, key in [*pins().keys()]}
    idle = [path for path in recipes() if key_of(path) not in kept]
    for path in too_many(idle, now):
        path.unlink(missing_ok=True)
    if released:
        log.info("links_released", count=len(released))
    return len(released)


def too_many(idle: Iterable[Path], now: datetime) -> Iterable[Path]:
    """List recipes of links that have expired, and the oldest others beyond what all may take."""
    dead = [path for path in idle if expires_at(path) <= (now - DEAD_AFTER).timestamp()]
    yield from dead
    living = sorted(set(idle) - set(dead), key=changed_at)
    left = sum(size_of(path) for path in living)
    for path in living:
        if left <= MOST_BYTES:
            return
        left -= size_of(path)
        yield path


def recipes() -> list[Path]:
    """List the recipes there are, and what is left of those that were never finished."""
    return list(Path(settings.LINKS_DIR).glob(f"*{ENDING}*"))


def key_of(path: Path) -> str:
    return path.name.lstrip(".").partition("-")[0]


def expires_at(path: Path) -> int:
    """Read from a recipe's name until when its link works, in seconds since 1970."""
    return int(path.name.partition("-")[2].partition(".")[0])


def changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
