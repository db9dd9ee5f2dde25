"""Fetching a file the hard way: the connection is dropped half-way, then resumed with Range."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from vms.ops.demo.client import connect
from vms.ops.demo.errors import DemoFailed

BLOCK = 2**16


@dataclass(frozen=True)
class Fetched:
    """A file as it arrived; `resumed_at` is the byte the second connection began with."""

    path: Path
    size: int
    resumed_at: int
    sha256: str


def fetch(url: str, target: Path, on_bytes: Callable[[int, int], None]) -> Fetched:
    """Fetch *url* into *target* in two connections; *on_bytes* hears bytes there and in all.

    Raises:
        DemoFailed: an answer is not what a resuming client needs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb") as file:
            size, etag = first_half(url, file, on_bytes)
            half = file.tell()
            second_half(url, file, size, etag, on_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise DemoFailed(f"Fetching the file failed: {type(error).__name__}.") from error
    with target.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Fetched(target, target.stat().st_size, half, sha256)


def first_half(url: str, file: BinaryIO, on_bytes: Callable[[int, int], None]) -> tuple[int, str]:
    """Begin like any client, read half and hang up; return the size and the file's tag."""
    connection = connect(url)
    try:
        connection.request("GET", urlsplit(url).path)
        answer = connection.getresponse()
        expect(answer.status, HTTPStatus.OK, "The link")
        size, etag = int(answer.headers["Content-Length"]), answer.headers["ETag"]
        copy(answer, file, size // 2, size, on_bytes)
    finally:
        connection.close()
    return size, etag


def second_half(
    url: str, file: BinaryIO, size: int, etag: str, on_bytes: Callable[[int, int], None]
) -> None:
    """Ask for the rest of the very same file."""
    begin = file.tell()
    connection = connect(url)
    try:
        headers = {"Range": f"bytes={begin}-", "If-Range": etag}
        connection.request("GET", urlsplit(url).path, headers=headers)
        answer = connection.getresponse()
        expect(answer.status, HTTPStatus.PARTIAL_CONTENT, "The rest of the file")
        wanted = f"bytes {begin}-{size - 1}/{size}"
        if answer.headers["Content-Range"] != wanted:
            told = answer.headers["Content-Range"]
            raise DemoFailed(f"The rest of the file should be {wanted}, was {told}.")
        copy(answer, file, size - begin, size, on_bytes)
    finally:
        connection.close()


def copy(
    answer: http.client.HTTPResponse,
    file: BinaryIO,
    length: int,
    size: int,
    on_bytes: Callable[[int, int], None],
) -> None:
    left = length
    while left and (block := answer.read(min(BLOCK, left))):
        file.write(block)
        left -= len(block)
        on_bytes(file.tell(), size)
    if left:
        raise DemoFailed(f"The connection ended {left} bytes early.")


def expect(status: int, wanted: HTTPStatus, what: str) -> None:
    if status != wanted:
        raise DemoFailed(f"{what} was answered with {status}, not {wanted}.")
