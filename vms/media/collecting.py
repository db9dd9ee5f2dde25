"""Building many objects at once without the garbage collector looking through them all the time.

A day of segments is some 200,000 objects that stay. Each is looked at again and again while the
others are made, which takes a third of the time; and none of them is garbage.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# So many objects more before the collector looks, instead of some hundreds: a few megabytes.
MORE = 50_000

LOCK = threading.Lock()
# The thresholds that hold without us, once for each that builds now.
BUILDING: list[tuple[int, int, int]] = []


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Have garbage collected more rarely meanwhile, in all threads; several may do so at once."""
    with LOCK:
        own = BUILDING[0] if BUILDING else gc.get_threshold()
        BUILDING.append(own)
        # Zero turns it off.
        gc.set_threshold(own[0] and max(own[0], MORE), *own[1:])
    try:
        yield
    finally:
        with LOCK:
            BUILDING.pop()
            if not BUILDING:
                gc.set_threshold(*own)
