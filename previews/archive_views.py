"""What links to the archive lead to: the cut itself, read where it lies; no file is made."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from http import HTTPStatus

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cameras.models import Stream
from downloads.direct import is_kept
from downloads.naming import content_disposition, display_name
from downloads.ranges import matches_etag
from previews import signing
from previews.archive_upkeep import DEAD_AFTER
from previews.cuts import OpenCut, open_cut
from previews.errors import Busy, CannotRender
from previews.grants import Withdrawn, check_issuer
from previews.recipes import MEDIA_NAME, PLAYLIST_NAME
from previews.serving import PREFLIGHT, SHARED, answer, validators
from previews.signing import BadLink, Changed, Grant, Kind

FILE_NAME = "archive.mp4"
# What is behind a link, by its source; the first name is the one that links are given out with.
NAMES = {"mp4": (FILE_NAME,), "hls": (PLAYLIST_NAME, MEDIA_NAME)}
# An option of links that go with a record of the history: its id.
RECORD = "record"
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"


def link_path(grant: Grant) -> str:
    """Return the path of the link that *grant* allows to follow."""
    return f"/archive/{signing.sign(grant)}/{NAMES[grant.source][0]}"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "OPTIONS"])
async def serve_archive(request: HttpRequest, link: str) -> HttpResponseBase:
    """Answer `/archive/<token>/<name>`: an mp4 file, or a playlist and the fragments it names.

    403 for a link that was changed, has expired or was withdrawn, 404 where there is nothing to
    serve, 503 when the server has too much to do.
    """
    if request.method == "OPTIONS":
        return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={**SHARED, **PREFLIGHT})
    token, _, name = link.rpartition("/")
    try:
        grant, stream = await allowed(token, name)
        cut = await open_cut(token, grant, stream)
    except BadLink as error:
        return refused(HTTPStatus.FORBIDDEN, error.message)
    except CannotRender as error:
        return refused(HTTPStatus.NOT_FOUND, error.message)
    except Busy as error:
        message = "The server has all the work it can take; try again later."
        later = {"Retry-After": str(error.seconds)}
        return refused(HTTPStatus.SERVICE_UNAVAILABLE, message, later)
    if name == PLAYLIST_NAME:
        return playlist(request, cut)
    is_inline = grant.source == "hls" or request.GET.get("inline") == "1"
    headers = file_headers(grant, stream, is_inline=is_inline)
    return answer(request, cut, headers, partial(may_go_on, grant))


async def allowed(token: str, name: str) -> tuple[Grant, Stream]:
    """Return what the link lets see, and its stream.

    Raises:
        BadLink: nothing; says why.
    """
    now = timezone.now()
    grant = signing.read(token, now)
    if grant.kind is not Kind.ARCHIVE or name not in NAMES[grant.source]:
        raise Changed
    return grant, await sync_to_async(check_and_close)(grant, now)


def check_and_close(grant: Grant, now: datetime) -> Stream:
    """Check a link: who reads for hours must not hold one of the database's connections then."""
    try:
        return check(grant, now)
    finally:
        close_old_connections()


async def may_go_on(grant: Grant) -> bool:
    """Say whether who reads a link already may read on: past its end too, but not for days."""
    now = timezone.now()
    if now >= grant.expires_at + DEAD_AFTER:
        return False
    try:
        await sync_to_async(check_and_close)(grant, now)
    except Withdrawn:
        return False
    except DatabaseError:  # no answer is no reason to break off; it is asked again
        return True
    return True


def check(grant: Grant, now: datetime) -> Stream:
    """See that the link still may be followed: two queries, three with a record.

    Raises:
        Withdrawn: it may not.
    """
    record = grant.option(RECORD)
    if record is not None and not is_kept(record):
        raise Withdrawn
    return check_issuer(grant, now)


def file_headers(grant: Grant, stream: Stream, *, is_inline: bool) -> dict[str, str]:
    assert grant.begin is not None  # noqa: S101 - `allowed` saw to the kind
    assert grant.end is not None  # noqa: S101
    name = display_name(stream.camera.name, grant.begin, grant.end, "mp4")
    return {
        "Content-Type": "video/mp4",
        "Content-Disposition": content_disposition(name, inline=is_inline),
    }


def playlist(request: HttpRequest, cut: OpenCut) -> HttpResponse:
    headers = validators(f'{cut.recipe.etag[:-1]}-list"', cut.recipe.end)
    del headers["Accept-Ranges"]
    if matches_etag(request.headers.get("If-None-Match"), headers["ETag"]):
        return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return HttpResponse(cut.recipe.playlist, content_type=PLAYLIST_TYPE, headers=headers)


def refused(
    status: HTTPStatus, message: str, headers: dict[str, str] | None = None
) -> JsonResponse:
    told = {**SHARED, "Cache-Control": "no-store", **(headers or {})}
    return JsonResponse({"message": message}, status=status, headers=told)
