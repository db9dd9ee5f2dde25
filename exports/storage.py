"""Where finished files are: made under a temporary name, published whole, found, removed.

Names are relative to the storage folder. A file that is being made lies in `.partial/`, which no
link reaches.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import re
import shutil
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from celery.signals import worker_init
from django.conf import settings

from exports.errors import NoRoom, StorageFailed

PARTIAL = ".partial"
OWN_NAME = re.compile(r"(?P<job>[0-9a-f]{32})-(?P<attempt>\d+)\.[a-z0-9]+")
GRACE = timedelta(minutes=1)
BLOCK = 2**20
# Which storage folder this worker has met: one page of memory for all processes that it forks.
met = mmap.mmap(-1, mmap.PAGESIZE)
MET = struct.Struct("32sQQ")
# What `st_blocks` counts in, on any file system: stat(2).
BLOCKS_OF = 512


def root() -> Path:
    return Path(settings.STORAGE_DIR)


def partial_path(stem: str, suffix: str) -> Path:
    """Return where to make a file; nothing of an earlier try is left there.

    Raises:
        StorageFailed: the storage folder cannot be written, or its disk went away.
    """
    path = root() / PARTIAL / f"{stem}.{suffix}"
    try:
        if not is_present():
            prepare()
        path.unlink(missing_ok=True)
    except OSError as error:
        raise failed(error) from error
    remember()
    return path


def prepare() -> None:
    """Begin a storage folder, unless another one was at its place since this worker began.

    What is there instead is the mount point of a disk that went away: files made in it would hide
    below the disk when it comes back, and those on the disk would count as gone.

    Raises:
        OSError: it went away, or cannot be made.
    """
    place, device, number = MET.unpack_from(met)
    if place == place_digest() and (device, number) != identity():
        raise FileNotFoundError(errno.ENOENT, "the storage folder is not there any more")
    (root() / PARTIAL).mkdir(parents=True, exist_ok=True)


@worker_init.connect
def remember(**_kwargs: Any) -> None:
    """Note, for all processes of this worker, which folder is at its place, if one is in use."""
    if is_present():
        MET.pack_into(met, 0, place_digest(), *identity())


def place_digest() -> bytes:
    return hashlib.sha256(os.fsencode(root())).digest()


def identity() -> tuple[int, int]:
    """Tell the storage folder from others at its place; raises OSError when there is none."""
    facts = root().stat()
    return facts.st_dev, facts.st_ino


def require_room(size: int) -> None:
    """See that *size* bytes fit and the reserve stays free.

    Raises:
        NoRoom: they do not.
        StorageFailed: the storage folder cannot be asked.
    """
    if size > free_room():
        raise NoRoom("The server has no room left for the file; try again later.")


def free_room() -> int:
    """Count the free bytes of the disk less the reserve; may be less than none.

    Raises:
        StorageFailed: the storage folder cannot be asked.
    """
    try:
        return free_bytes() - int(settings.VMS["VMS_EXPORT_RESERVE_BYTES"])
    except OSError as error:
        raise failed(error) from error


def partial_sizes() -> dict[str, int]:
    """Count the bytes on the disk of each file that is being made, or was, by its stem."""
    found: dict[str, int] = {}
    for path in root().glob(f"{PARTIAL}/*"):
        try:
            found[path.stem] = path.stat().st_blocks * BLOCKS_OF
        except OSError:
            continue  # it went by itself
    return found


def free_bytes() -> int:
    root().mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(root()).free


def digest(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (bytes read, "") block by block and at last (size, SHA-256 in hex)."""
    total = 0
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha256.update(block)
            total += len(block)
            yield total, ""
    yield total, sha256.hexdigest()


def stem(job: str, attempt: int) -> str:
    """Return the name of an attempt's file without suffix: two attempts never share a file."""
    return f"{job}-{attempt}"


def published_name(stem: str, suffix: str) -> str:
    return f"{stem[:2]}/{stem}.{suffix}"


def publish(partial: Path, stem: str) -> str:
    """Bring a finished file to its place, durably, and return its name.

    Data and directory are on the disk before the name is returned, so a row that says READY
    afterwards never promises a file that a power cut took away.

    Raises:
        NoRoom, StorageFailed: the disk is full or refuses.
    """
    name = published_name(stem, partial.suffix.removeprefix("."))
    final = root() / name
    try:
        sync(partial)
        final.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(final)
        sync(final.parent)
        sync(root())
    except OSError as error:
        raise failed(error) from error
    return name


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def failed(error: OSError) -> NoRoom | StorageFailed:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoRoom("The server has no room left for the file; try again later.")
    return StorageFailed("The server cannot write to its storage; its operator has to look.")


def path_of(name: str) -> Path:
    """Return the path of a file by its name.

    Raises:
        ValueError: the name leads out of the storage folder.
    """
    path = (root() / name).resolve()
    if not name or not path.is_relative_to(root().resolve()):
        raise ValueError("not the name of a published file")
    return path


def delete(name: str) -> None:
    """Remove a published file; one that is gone already is fine."""
    path_of(name).unlink(missing_ok=True)


def discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)


def strays(older_than: datetime) -> list[str]:
    """List, by name, our files that were last written before *older_than*.

    Only names that we give are looked at: whatever else lies in the folder is not ours to remove.
    Fresh files are spared: a file is there a moment before its row says so.
    """
    found: list[str] = []
    for path in (*ours(f"{PARTIAL}/*"), *finished_files()):
        try:
            written_at = path.stat().st_mtime
        except OSError:
            continue  # it went by itself
        if written_at < older_than.timestamp():
            found.append(path.relative_to(root()).as_posix())
    return sorted(found)


def finished_files() -> Iterator[Path]:
    """List what bears the name of a finished file."""
    return ours("[0-9a-f][0-9a-f]/*")


def ours(pattern: str) -> Iterator[Path]:
    return (path for path in root().glob(pattern) if OWN_NAME.fullmatch(path.name))


def is_present() -> bool:
    """Say whether the storage is there, and not a mount point whose disk is away."""
    return (root() / PARTIAL).is_dir()
