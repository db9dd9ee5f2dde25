"""From an archive link to the virtual file it serves: planned once, its segments pinned."""

from __future__ import annotations

import asyncio
import hashlib
import os
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections

from cameras.archive.index import segments_touching
from cameras.models import Stream
from cameras.timeline import Interval
from exports.engines.pins import FOLDER, Pins
from exports.engines.virtual import VirtualFile
from exports.errors import SegmentChanged
from exports.terms import HOLD
from previews.errors import Busy, CannotRender
from previews.preview_orders import told
from previews.recipes import OWN, BadRecipe, Recipe, read_recipe, virtual_file
from previews.rendering import RETRY_SECONDS, Renderers
from previews.rendering_once import look_at_error
from previews.signing import Grant, micros

log = structlog.get_logger(__name__)

JOB = "previews.rendering_cuts:plan_cut"
WARM = "previews.rendering_cuts:warm"
ENDING = ".cut"
# A day of footage takes a few seconds when no segment has a sidecar yet.
PLANNING_SECONDS = 60.0
# Recipes are planned one at a time: it is all work of one core, and takes some hundredths of one.
planners = Renderers(1, PLANNING_SECONDS)
CHANGED = "The archive changed just now; ask again."
# Recipes kept in memory: a few kilobytes each, of a day of fragments some megabytes.
LATELY_READ = 8
# Another process may plan the same link at the same time and put its recipe in the place of ours.
ATTEMPTS = 3


@dataclass(frozen=True)
class OpenCut:
    """What a link serves: its recipe, and the file read from pinned segments under *key*."""

    key: str
    recipe: Recipe
    file: VirtualFile

    def keep(self) -> None:
        """Say that it is still being read."""
        pins().touch(self.key)


class Planning:
    """Recipes that are being made: all who ask for the same one wait for one making."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.running: dict[str, Future[Any]] = {}

    def start(self, key: str, arguments: dict[str, Any]) -> Future[Any]:
        """Plan, or join who plans the same already; raises `Busy` as `Renderers.submit`."""
        with self.lock:
            future = self.running.get(key)
            if future is None:
                future = self.running[key] = planners.submit(JOB, arguments)
                future.add_done_callback(lambda _done: self.running.pop(key, None))
            return future


planning = Planning()


async def open_cut(token: str, grant: Grant, stream: Stream) -> OpenCut:
    """Open the virtual file of an archive link, planning it first if nobody has.

    Raises:
        CannotRender: there is nothing to serve, or not this way. Busy: not now.
    """
    try:
        return await planned(key_of(token), grant, stream)
    except OSError as error:
        log.warning("cut_not_opened", error=str(error))
        raise Busy(RETRY_SECONDS) from error


async def planned(key: str, grant: Grant, stream: Stream) -> OpenCut:
    """Open what is planned, or plan it; raises as `open_cut`, and OSError for want of room."""
    path = recipe_path(key, grant.expires_at)
    for _ in range(ATTEMPTS):
        recipe = await asyncio.to_thread(load, path)
        if recipe is None:
            arguments = await sync_to_async(described)(grant, stream, path)
            await planned_at_last(planning.start(key, arguments))
            recipe = await asyncio.to_thread(load, path)
        if recipe is not None:
            with suppress(SegmentChanged):
                return await asyncio.to_thread(pinned, key, recipe)
            # Retention was quicker, or the archive is not what it was: what is left is planned.
            await asyncio.to_thread(forget, path, recipe)
    raise CannotRender(CHANGED)


async def planned_at_last(future: Future[Any]) -> None:
    """Wait for a planning, which goes on when we do not: others may want it, or we may come again.

    Raises:
        Busy: it is not done in time, with what waits before it. CannotRender: nothing came of it.
    """
    waiting = asyncio.wrap_future(future)
    waiting.add_done_callback(look_at_error)
    done, _ = await asyncio.wait({waiting}, timeout=PLANNING_SECONDS)
    if not done:
        raise Busy(RETRY_SECONDS)
    waiting.result()


def warm() -> None:
    """Have a planner ready before the first client follows a link just made."""
    with suppress(Exception):
        planners.submit(WARM, {})


def described(grant: Grant, stream: Stream, target: Path) -> dict[str, Any]:
    """Tell a renderer what to plan: four queries, whatever the length."""
    assert grant.begin is not None  # noqa: S101 - links to the archive have an interval
    assert grant.end is not None  # noqa: S101
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shown = Interval(grant.begin - HOLD, grant.end)
    segments = list(told(stream, segments_touching(stream, shown)))
    close_old_connections()
    return {
        "segments": segments,
        "begin": micros(grant.begin),
        "end": micros(grant.end),
        "source": grant.source,
        "target": str(target),
    }


def key_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def recipe_path(key: str, expires_at: datetime) -> Path:
    """Return where a link's recipe is kept; the name tells until when it may be wanted."""
    return Path(settings.LINKS_DIR) / f"{key}-{int(expires_at.timestamp()) + 1}{ENDING}"


def load(path: Path) -> Recipe | None:
    try:
        state = os.stat(path)  # noqa: PTH116 - as in planning
        return lately_read(path, state.st_size, state.st_mtime_ns, state.st_ino)
    except (OSError, BadRecipe):
        return None


def forget(path: Path, recipe: Recipe) -> None:
    """Remove *recipe*, unless another process has put a newer one in its place."""
    with suppress(FileNotFoundError):
        state = path.stat()
        if (state.st_size, state.st_mtime_ns) == recipe.file.states[OWN]:
            path.unlink()


@lru_cache(maxsize=LATELY_READ)
def lately_read(path: Path, _size: int, _mtime_ns: int, _inode: int) -> Recipe:
    return read_recipe(path)


def pinned(key: str, recipe: Recipe) -> OpenCut:
    """Pin what *recipe* reads, for as long as somebody reads and a while longer.

    Raises:
        SegmentChanged: a segment is gone, or is not what was planned with.
    """
    found = pins().pin(key, recipe.file, recipe.locate)
    return OpenCut(key, recipe, virtual_file(recipe, found.paths))


def pins() -> Pins:
    """Return where segments are pinned: on the disks of our storage and of our archive."""
    return Pins([Path(settings.STORAGE_DIR) / FOLDER, Path(settings.ARCHIVE_DIR) / FOLDER])
