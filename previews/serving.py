"""Answers about a virtual file: whole, a range of it, its headers alone (RFC 9110, 13 and 14)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import http_date

from downloads.ranges import ByteRange, choose_part, matches_etag
from exports.errors import SegmentChanged
from previews.cuts import OpenCut

log = structlog.get_logger(__name__)

MayGoOn = Callable[[], Awaitable[bool]]

# Pages of other sites show our links; what a link allows it allows to whoever holds it.
SHARED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range, ETag",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Range, If-Range, If-None-Match",
    "Access-Control-Max-Age": "600",
}
# Twice this, and what the connection buffers, is all that a slow reader costs; larger blocks cost
# more time for each byte.
BLOCK = 2**19
# So often who reads is asked whether they still may, and pins are told that they are in use.
KEEP_SECONDS = 30.0


class BrokenOff(Exception):
    """A link ceased to work while it was read: the client is to see that bytes are missing."""


def validators(etag: str, modified_at: datetime) -> dict[str, str]:
    """Make the headers of every answer about a cut that can be served, 304 and 416 too."""
    return {
        **SHARED,
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Last-Modified": http_date(modified_at.timestamp()),
        "Cache-Control": "private, no-transform",
        "X-Content-Type-Options": "nosniff",
    }


def answer(
    request: HttpRequest, cut: OpenCut, headers: Mapping[str, str], may_go_on: MayGoOn
) -> HttpResponseBase:
    """Answer GET and HEAD with the bytes of *cut*, or those the request wants of it.

    A date in If-Range counts for nothing: footage that is planned anew may end when it did before.
    """
    recipe = cut.recipe
    told = {**validators(recipe.etag, recipe.end), **headers}
    if matches_etag(request.headers.get("If-None-Match"), recipe.etag):
        return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=told)
    chosen = choose_part(request.headers, recipe.size, recipe.etag, None)
    told |= chosen.headers
    if request.method == "HEAD" or chosen.part.is_empty:
        return HttpResponse(status=chosen.status, headers=told)
    blocks = read(cut, chosen.part, may_go_on)
    return StreamingHttpResponse(blocks, status=chosen.status, headers=told)


async def read(cut: OpenCut, part: ByteRange, may_go_on: MayGoOn) -> AsyncIterator[bytes]:
    """Yield the bytes block by block; the next one is read, in a thread, while one is sent.

    Two blocks are all that a slow reader costs. When a segment changes under us, or the link may
    not be read any more, the connection breaks off: the client sees that bytes are missing.
    """
    loop = asyncio.get_running_loop()
    blocks = await loop.run_in_executor(None, cut.file.read, part.begin, part.end, BLOCK)
    kept_at = time.monotonic()
    following = loop.run_in_executor(None, next, blocks, b"")
    try:
        while block := await following:
            following = loop.run_in_executor(None, next, blocks, b"")
            if time.monotonic() - kept_at > KEEP_SECONDS:
                kept_at = time.monotonic()
                if not await may_go_on():
                    raise BrokenOff("the link ceased to work while it was read")
                await loop.run_in_executor(None, cut.keep)
            yield block
    except SegmentChanged as error:
        log.warning("a segment changed while a link read it", reason=error.message)
        raise
    finally:
        following.cancel()
        # While a thread is still in it, it closes by itself when that is done.
        with suppress(ValueError):
            blocks.close()
