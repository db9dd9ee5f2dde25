"""Each result is rendered once, however many ask for it at the same moment, and then kept.

Who asks meanwhile waits for the same rendering; processes that share the cache's folder wait for
each other. What failed is remembered for a moment, so that a damaged segment that many look at
does not take the renderers from everybody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from previews.cache import Cache
from previews.errors import Busy, CannotRender
from previews.rendering import RETRY_SECONDS, Renderers

log = structlog.get_logger(__name__)

WARM = "previews.rendering_pictures:warm"
FAILED_SECONDS = 15.0
# Cameras bear few who look at once, and each size of a picture is an order of its own.
MOST_PULLS = 3
MOST_REMEMBERED = 1000


@dataclass(frozen=True)
class Order:
    """A result to be made: *job* is called with *arguments* and `target`, the file to write.

    `facts` are all that decides about the result: those of two orders are the same if and only if
    their results are. An order that `pulls` waits for a camera, not for a decoder. Where orders
    fail together, as all of one camera, `fails_as` is a name they share.
    """

    job: str
    suffix: str
    facts: tuple[object, ...]
    arguments: Mapping[str, Any] = field(compare=False)
    pulls: bool = False
    fails_as: str = ""

    @property
    def key(self) -> str:
        """Name the result; also a strong entity tag of it."""
        facts = repr((self.job, self.suffix, self.facts))
        return hashlib.sha256(facts.encode()).hexdigest()[:32]


class Studio:
    """Renders what is ordered, unless it is in the cache or under way."""

    def __init__(self, cache: Cache, decoders: Renderers, pullers: Renderers) -> None:
        self.cache = cache
        self.decoders = decoders
        self.pullers = pullers
        self.lock = threading.Lock()
        self.under_way: dict[str, Future[Path]] = {}
        self.pulls: Counter[str] = Counter()
        self.failed: dict[str, tuple[float, Exception]] = {}

    def warm(self) -> None:
        """Have a renderer ready before the first link just made is followed."""
        if not self.decoders.threads:
            with suppress(Busy):
                self.decoders.submit(WARM, {})

    def find(self, order: Order) -> Path | None:
        """Return the kept result, None when there is none."""
        return self.cache.find(order.key, order.suffix)

    def begin(self, order: Order) -> Future[Path]:
        """Have *order* rendered; the future gives the file, or raises CannotRender or Busy.

        Raises:
            Busy: too much is under way already, in all or of one camera.
            CannotRender, Busy: it failed a moment ago.
        """
        key = order.key
        with self.lock:
            self.raise_if_failed(order.fails_as or key)
            if key in self.under_way:
                return self.under_way[key]
            if order.fails_as and self.pulls[order.fails_as] >= MOST_PULLS:
                raise Busy(RETRY_SECONDS)
            renderers = self.pullers if order.pulls else self.decoders
            future = renderers.call(partial(self.make, order, renderers))
            self.under_way[key] = future
            self.pulls[order.fails_as] += order.pulls
        future.add_done_callback(partial(self.forget, order))
        return future

    def raise_if_failed(self, key: str) -> None:
        until, error = self.failed.get(key, (0.0, None))
        if error is not None and time.monotonic() < until:
            raise error

    def forget(self, order: Order, done: Future[Path]) -> None:
        """Note how it ended: no longer under way, and if it failed, not to be tried at once."""
        error = None if done.cancelled() else done.exception()
        with self.lock:
            self.under_way.pop(order.key, None)
            self.pulls -= Counter({order.fails_as: order.pulls})
            key = order.fails_as or order.key
            self.failed.pop(key, None)
            if isinstance(error, CannotRender | Busy):
                while len(self.failed) >= MOST_REMEMBERED:
                    self.failed.pop(next(iter(self.failed)))
                self.failed[key] = (time.monotonic() + FAILED_SECONDS, error)

    def make(self, order: Order, renderers: Renderers) -> Path:
        """Render *order* and keep the result, unless another process did so meanwhile.

        Raises:
            CannotRender: there is nothing to show.
            Busy: it took too long, or there is no room for it.
        """
        try:
            return self.make_claimed(order, renderers)
        except OSError as error:
            log.warning("preview_not_kept", error=str(error))
            raise Busy(RETRY_SECONDS) from error

    def make_claimed(self, order: Order, renderers: Renderers) -> Path:
        key = order.key
        with self.cache.claim(key):
            found = self.cache.find(key, order.suffix)
            if found is not None:
                return found
            target = self.cache.partial(key, order.suffix)
            try:
                renderers.run(order.job, {**order.arguments, "target": str(target)})
                return self.cache.keep(target, key, order.suffix)
            finally:
                with suppress(OSError):
                    target.unlink(missing_ok=True)

    async def render(self, order: Order, seconds: float) -> Path:
        """Return the result of *order*, rendered if need be; waits so long at most.

        A rendering goes on when nobody waits for it any more: who asks again finds it done.

        Raises:
            CannotRender: there is nothing to show.
            Busy: it is not there in time.
        """
        waiting = asyncio.wrap_future(self.begin(order))
        waiting.add_done_callback(look_at_error)
        # `wait` leaves the future alone when we are cancelled: others wait for it too.
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
        if not done:
            raise Busy(RETRY_SECONDS)
        return waiting.result()


def look_at_error(done: asyncio.Future[Path]) -> None:
    """Take note of an error that nobody waits for any more, or asyncio complains."""
    if not done.cancelled():
        done.exception()


def studio() -> Studio:
    """Return this process's own."""
    values = settings.VMS
    return made_studio(
        Path(settings.PREVIEWS_DIR),
        values["VMS_PREVIEW_CACHE_BYTES"],
        values["VMS_PREVIEW_DECODERS"],
        values["VMS_PREVIEW_SECONDS"],
    )


@lru_cache(maxsize=8)
def made_studio(root: Path, most_bytes: int, decoders: int, seconds: int) -> Studio:
    return Studio(Cache(root, most_bytes), *made_renderers(decoders, seconds))


@lru_cache(maxsize=8)
def made_renderers(count: int, seconds: int) -> tuple[Renderers, Renderers]:
    """Make those that decode, and as many that wait for cameras; each starts when it is needed."""
    return Renderers(count, seconds), Renderers(count, seconds)
