"""Which bytes of a file a request is answered with (RFC 9110 sections 13 and 14). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

ONE_RANGE = re.compile(r"bytes=\s*(\d{0,30})\s*-\s*(\d{0,30})\s*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range asks for nothing the file has (416)."""


@dataclass(frozen=True)
class ByteRange:
    """Bytes `begin` up to but not including `end`."""

    begin: int
    end: int

    @property
    def is_empty(self) -> bool:
        return self.begin == self.end

    def content_range(self, size: int) -> str:
        return f"bytes {self.begin}-{self.end - 1}/{size}"


@dataclass(frozen=True)
class Chosen:
    """What a GET is answered with: its status, the bytes behind it, and headers that say so."""

    status: HTTPStatus
    part: ByteRange
    headers: dict[str, str]


def choose_part(
    headers: Mapping[str, str], size: int, etag: str, modified_at: datetime | None
) -> Chosen:
    """Choose by the *headers* of a request for a file; *modified_at* as in `may_use_range`."""
    try:
        wanted = None
        if may_use_range(headers.get("If-Range"), etag, modified_at):
            wanted = parse_range(headers.get("Range"), size)
    except Unsatisfiable:
        told = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return Chosen(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, ByteRange(0, 0), told)
    if wanted is None:
        return Chosen(HTTPStatus.OK, ByteRange(0, size), {"Content-Length": str(size)})
    told = {
        "Content-Range": wanted.content_range(size),
        "Content-Length": str(wanted.end - wanted.begin),
    }
    return Chosen(HTTPStatus.PARTIAL_CONTENT, wanted, told)


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Read a Range header; None means the whole file, as for several ranges or another unit.

    Raises:
        Unsatisfiable: it is one range of bytes and none of them is in the file.
    """
    match = ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return ByteRange(max(0, size - int(last)), size)
    begin = int(first)
    end = min(size, int(last) + 1) if last else size
    if last and int(last) < begin:
        return None  # not a valid range at all, so ignored
    if begin >= size:
        raise Unsatisfiable
    return ByteRange(begin, end)


def may_use_range(if_range: str | None, etag: str, modified_at: datetime | None) -> bool:
    """Say whether If-Range still names this very file (13.1.5): a strong tag, or the exact date.

    *modified_at* is None where other bytes may bear the same date: then none counts.
    """
    if not if_range:
        return True
    value = if_range.strip()
    if value.startswith(("W/", '"')):
        return value == etag
    if modified_at is None:
        return False
    try:
        return parsedate_to_datetime(value) == modified_at.replace(microsecond=0)
    except (ValueError, TypeError):
        return False


def matches_etag(if_none_match: str | None, etag: str) -> bool:
    """Say whether If-None-Match names this file (13.1.2); the comparison is weak."""
    if not if_none_match:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags
