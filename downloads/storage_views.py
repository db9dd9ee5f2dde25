"""Serving a finished file to whoever has its link: in constant memory, or by way of nginx."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.utils import timezone
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from downloads.models import Download
from downloads.naming import content_disposition
from downloads.ranges import ByteRange, choose_part, matches_etag
from exports import states
from exports.engines.containers import CONTAINERS
from exports.stores.base import LinkAnswer, Opened, StorageAway
from exports.stores.choice import current_store

log = structlog.get_logger(__name__)

# So much, and what the connection buffers, is all that a slow reader costs.
BLOCK = 2**19
SECRET_FORM = re.compile(r"[A-Za-z0-9_-]{22}")
CONTENT_TYPES = {name: one.mime for name, one in CONTAINERS.items()}


@require_safe
async def serve_file(request: HttpRequest, secret: str, name: str) -> HttpResponseBase:  # noqa: ARG001 - the name is for people
    """Answer GET and HEAD of `/storage/<secret>/<name>`; `?inline=1` is for a player.

    The link works exactly while the record says `is_file_exists`; afterwards it is unknown. Where
    nginx sends the files, it is told which one; where the bucket does, the client is led there by a
    link that dies with the record. What they ask for is checked here all the same.
    """
    download = await find(secret)
    try:
        file = await open_file(download)
    except StorageAway:
        body = {"message": "The storage is away for the moment; try again later."}
        headers = {"Retry-After": "30"}
        return JsonResponse(body, status=HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
    headers = validators(download)
    if matches_etag(request.headers.get("If-None-Match"), headers["ETag"]):
        file.close()
        return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = CONTENT_TYPES.get(download.type, "application/octet-stream")
    headers["Content-Disposition"] = content_disposition(
        download.name, inline=request.GET.get("inline") == "1"
    )
    if settings.VMS["VMS_STORAGE_DELIVERY"] == "x-accel":
        file.close()
        return hand_over(download, headers)
    if settings.VMS["VMS_STORAGE_DELIVERY"] == "redirect":
        file.close()
        return await asyncio.to_thread(lead_to_bucket, request, download, headers)
    # Who reads slowly for hours must not hold one of the database's few connections meanwhile.
    await sync_to_async(close_old_connections)()
    return answer(request, download, file, headers)


def validators(download: Download) -> dict[str, str]:
    """Make the headers of every answer about a file that is there, 304 and 416 too."""
    return {
        "Accept-Ranges": "bytes",
        "ETag": f'"{download.job.sha256[:32]}"',
        "Last-Modified": http_date(modified_at(download).timestamp()),
        "Cache-Control": "private, no-transform",
        "X-Content-Type-Options": "nosniff",
    }


def modified_at(download: Download) -> datetime:
    return download.job.finished_at or download.created_at


def hand_over(download: Download, headers: dict[str, str]) -> HttpResponse:
    """Have nginx send the file: it answers ranges, HEAD and the length by itself, and says so."""
    location = settings.VMS["VMS_STORAGE_LOCATION"] + quote(download.job.file)
    told = {name: value for name, value in headers.items() if name != "Accept-Ranges"}
    return HttpResponse(headers={**told, "X-Accel-Redirect": location})


def lead_to_bucket(
    request: HttpRequest, download: Download, headers: dict[str, str]
) -> HttpResponse:
    """Have the bucket send the file; it answers ranges by itself, under an ETag of its own.

    Raises:
        Http404: the record died meanwhile.
    """
    left = (download.goes_at or timezone.now()) - timezone.now()
    seconds = min(int(left.total_seconds()), settings.VMS["VMS_S3_LINK_SECONDS"])
    if seconds < 1:
        raise Http404
    said = LinkAnswer(headers["Content-Type"], headers["Content-Disposition"])
    link = current_store().link(download.job.file, request.method or "GET", seconds, said)
    # Whoever keeps the answer would keep the link longer than it lives.
    told = {"Location": link, "Cache-Control": "private, no-store"}
    return HttpResponse(status=HTTPStatus.FOUND, headers=told)


def answer(
    request: HttpRequest, download: Download, file: Opened, headers: dict[str, str]
) -> HttpResponseBase:
    """Answer 200 with the whole file, 206 with a part, 416; HEAD gets the headers alone."""
    chosen = choose_part(request.headers, file.size, headers["ETag"], modified_at(download))
    told = {**headers, **chosen.headers}
    if request.method == "HEAD" or chosen.part.is_empty:
        file.close()
        return HttpResponse(status=chosen.status, headers=told)
    return StreamingHttpResponse(read(file, chosen.part), status=chosen.status, headers=told)


async def find(secret: str) -> Download:
    if not SECRET_FORM.fullmatch(secret):
        raise Http404
    download = await Download.objects.select_related("job").filter(secret=secret).afirst()
    if download is None or not download.is_file_exists(timezone.now()):
        raise Http404
    return download


async def open_file(download: Download) -> Opened:
    """Open the file.

    A file that somebody took away is noted, so that the record stops promising it; while the
    whole storage is away, nothing is.

    Raises:
        Http404: it is gone.
        StorageAway: nothing is known of it.
    """
    try:
        return await asyncio.to_thread(current_store().open, download.job.file)
    except FileNotFoundError as error:
        log.warning("a ready file is missing", job=str(download.job_id))
        await sync_to_async(states.lose_file)(download.job_id, timezone.now())
        raise Http404 from error


async def read(file: Opened, part: ByteRange) -> AsyncIterator[bytes]:
    """Yield the bytes block by block, reading in a thread; the file is closed whatever happens."""
    left = part.end - part.begin
    try:
        await asyncio.to_thread(file.start, part.begin, part.end)
        while left > 0:
            block = await asyncio.to_thread(file.read, min(BLOCK, left))
            if not block:
                raise OSError("a published file became shorter")
            left -= len(block)
            yield block
    finally:
        file.close()
