"""Segments of noise, what is spliced of them, and what can befall them."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest

from exports.engines.spliced import Blob, Range, SplicedFile
from exports.engines.virtual import VirtualFile
from tests.footage import BEGIN

MIB = 2**20
GIB = 2**30
HEADER = b"header" * 1000
MEMORY = Path("/dev/shm")
elsewhere = pytest.mark.skipif(
    not os.path.ismount(MEMORY), reason="needs a memory file system at /dev/shm"
)


def make_noise(folder: Path) -> dict[int, Path]:
    """Write four segments; returns where, by id."""
    folder.mkdir()
    paths = {key: folder / f"{key}.mp4" for key in range(4)}
    for key, path in paths.items():
        path.write_bytes(noise(key, 700_000 + key))
    return paths


def splice_noise(paths) -> SplicedFile:
    return describe(
        paths,
        [
            Range(0, 1000, 500_000),
            Blob(b"coded anew" * 99),
            Range(0, 600_000, 7),
            Range(1, 0, 700_001),
            Range(2, 4096, 8192),
            Blob(b""),
            Range(3, 1, 699_999),
        ],
    )


def opened(paths) -> int:
    """Count the descriptors we have of *paths*."""
    links = (link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(link in paths.values() for link in links)


def silent(_part):
    pass


def quiet():
    pass


def noise(seed: int, length: int) -> bytes:
    return hashlib.shake_128(str(seed).encode()).digest(length)


def describe(paths, ranges, header=HEADER) -> SplicedFile:
    states = {key: path.stat() for key, path in paths.items()}
    return SplicedFile(
        header=header,
        ranges=tuple(ranges),
        states={key: (state.st_size, state.st_mtime_ns) for key, state in states.items()},
        begins={key: BEGIN + timedelta(seconds=4 * key) for key in paths},
    )


def content_of(spliced, paths) -> bytes:
    parts = [spliced.header]
    for part in spliced.ranges:
        if isinstance(part, Blob):
            parts.append(part.data)
        else:
            parts.append(paths[part.segment].read_bytes()[part.offset :][: part.length])
    return b"".join(parts)


def sparse(path: Path, size: int, **marks: bytes) -> Path:
    """Make a file that takes no room, with *marks* at `at_OFFSET`."""
    with path.open("wb") as file:
        file.truncate(size)
        for name, mark in marks.items():
            file.seek(int(name.removeprefix("at_")))
            file.write(mark)
    return path


def rewrite(path):
    os.utime(path, ns=(0, 0))


def lengthen(path):
    with path.open("ab") as file:
        file.write(b"more")


def replace_by_link(path):
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


# What can befall a segment; none is what was planned with afterwards.
HARM = [Path.unlink, rewrite, lengthen, replace_by_link, replace_by_pipe]


def read_all(spliced, pinned) -> bytes:
    virtual = VirtualFile(spliced, pinned.paths.__getitem__)
    return b"".join(virtual.read(0, virtual.length))
