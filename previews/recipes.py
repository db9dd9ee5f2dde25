"""A virtual file written down: what a link serves, planned once and read by any web process.

A recipe is made by a renderer and read by web processes, which have no media libraries. It holds
the file's own bytes (header, heads of fragments) and says which bytes of which segments lie
between them; the own bytes count as those of a segment whose file is the recipe.

Form, little endian: HEAD, that many bytes of JSON, a PART for each stretch, then the own bytes.
Recipes are a cache: they are not synced, and none outlives a start of the machine.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from exports.engines.spliced import Blob, Part, Range, SplicedFile
from exports.engines.virtual import VirtualFile, digest_of

MAGIC = b"VMSCUT01"
# magic, CRC-32 of JSON and parts, bytes of JSON, number of parts
HEAD = struct.Struct("<8sIIQ")
# segment, offset, length
PART = struct.Struct("<qQQ")
# Stands for the recipe itself; rows count from one.
OWN = 0
# What the parts of an HLS link are called, below the link.
PLAYLIST_NAME, MEDIA_NAME = "index.m3u8", "media.mp4"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class BadRecipe(Exception):
    """It is missing, damaged, or from before the machine was started."""


@dataclass(frozen=True)
class Recipe:
    """A virtual file: its parts, where its segments are, its entity tag.

    `playlist` is the text of an HLS playlist whose fragments the file holds, empty for an mp4 file.
    `begin` and `end` bound what is shown.
    """

    file: SplicedFile
    paths: Mapping[int, Path]
    etag: str
    playlist: str
    begin: datetime
    end: datetime

    @property
    def size(self) -> int:
        return self.file.size

    def locate(self, segment: int) -> Path:
        return self.paths[segment]


def write_recipe(
    target: Path,
    spliced: SplicedFile,
    paths: Mapping[int, Path],
    *,
    playlist: str,
    shown: tuple[datetime, datetime],
) -> None:
    """Put the recipe of *spliced* in place, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    own: list[bytes] = []
    parts = b"".join(packed_parts(spliced, own))
    about = {
        "boot": boot_id(),
        "etag": f'"{digest_of(spliced)[:32]}"',
        "playlist": playlist,
        "shown": [micros(moment) for moment in shown],
        "segments": [
            [
                segment,
                *spliced.states[segment],
                micros(spliced.begins[segment]),
                str(paths[segment]),
            ]
            for segment in spliced.segments
        ],
    }
    body = json.dumps(about, separators=(",", ":")).encode()
    head = HEAD.pack(MAGIC, zlib.crc32(parts, zlib.crc32(body)), len(body), len(parts) // PART.size)
    partial = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with partial.open("xb") as file:
            for data in (head, body, parts, *own):
                file.write(data)
        partial.rename(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def packed_parts(spliced: SplicedFile, own: list[bytes]) -> Iterable[bytes]:
    """Write the parts down; own bytes go to *own*, their offsets count from the first of them."""
    at = 0
    for part in (Blob(spliced.header), *spliced.ranges):
        if isinstance(part, Range):
            yield PART.pack(part.segment, part.offset, part.length)
        elif part.length:
            own.append(part.data)
            yield PART.pack(OWN, at, part.length)
            at += part.length


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; its own bytes stay where they are.

    Raises:
        BadRecipe: it is of no use.
    """
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            head = file.read(HEAD.size)
            if len(head) < HEAD.size:
                raise BadRecipe
            magic, crc, length, count = HEAD.unpack(head)
            if magic != MAGIC or length + count * PART.size > state.st_size:
                raise BadRecipe
            body, parts = file.read(length), file.read(count * PART.size)
    except OSError as error:
        raise BadRecipe from error
    if zlib.crc32(parts, zlib.crc32(body)) != crc:
        raise BadRecipe
    return recipe_of(path, state, json.loads(body), parts)


def recipe_of(path: Path, state: os.stat_result, about: dict[str, Any], parts: bytes) -> Recipe:
    if about["boot"] != boot_id():
        raise BadRecipe
    own_at = state.st_size - sum(size for key, _, size in PART.iter_unpack(parts) if key == OWN)
    ranges: tuple[Part, ...] = tuple(
        Range(key, at + (own_at if key == OWN else 0), size)
        for key, at, size in PART.iter_unpack(parts)
    )
    states = {OWN: (state.st_size, state.st_mtime_ns)}
    begins, paths = {OWN: EPOCH}, {OWN: path}
    for segment, size, mtime_ns, begin, place in about["segments"]:
        states[segment] = (size, mtime_ns)
        begins[segment] = instant(begin)
        paths[segment] = Path(place)
    begin, end = map(instant, about["shown"])
    file = SplicedFile(b"", ranges, states, begins)
    return Recipe(file, paths, about["etag"], about["playlist"], begin, end)


def virtual_file(recipe: Recipe, paths: Mapping[int, Path]) -> VirtualFile:
    """Return the file of *recipe*, read from *paths*."""
    return VirtualFile(recipe.file, paths.__getitem__)


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Return what tells one start of the machine from the next."""
    return BOOT_ID.read_text().strip()


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def instant(count: int) -> datetime:
    return EPOCH + timedelta(microseconds=count)
