"""What links to previews lead to: a picture or a few seconds, rendered when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from cameras.models import Stream
from downloads.naming import content_disposition
from downloads.ranges import choose_part, matches_etag
from downloads.storage_views import read
from exports.stores.disk import OpenedOnDisk
from previews import signing
from previews.errors import Busy, CannotRender
from previews.grants import check_issuer
from previews.preview_database import in_database, remembered
from previews.preview_orders import Draft, Wish, draft_of
from previews.rendering_once import Order, studio
from previews.serving import PREFLIGHT, SHARED
from previews.signing import BadLink, Changed, Expired, Grant, Kind
from vms.api.errors import INVALID

NAMES = {"jpg": "preview.jpg", "mp4": "preview.mp4"}
TYPES = {"jpg": "image/jpeg", "mp4": "video/mp4"}
LEAST_WIDTH, MOST_WIDTH = 16, 7680
BAD_WIDTH = f"Write a whole number from {LEAST_WIDTH} to {MOST_WIDTH}."
BAD_CODEC = "Write copy, or leave it out."
BUSY = "The server has all the work it can take; try again in a moment."
# A browser that shows the same picture again need not ask for it in between.
FRESH_SECONDS = 60
# Among the options of a grant: the file is to be saved, not shown.
DOWNLOAD = "download"

# A picture as it is, a clip that is read as it is sent.
Result = bytes | OpenedOnDisk


class BadWish(Exception):
    """What was added to the link cannot be had; `errors` as in other refusals."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.errors = {key: [message]}


@dataclass(frozen=True)
class Followed:
    """A link that may be followed: what it shows, None if that has yet to be rendered."""

    grant: Grant
    order: Order
    headers: dict[str, str]
    result: Result | None


def link_path(grant: Grant) -> str:
    """Return the path of the link that *grant* allows to follow."""
    return f"/preview/{signing.sign(grant)}/{NAMES[grant.source]}"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "OPTIONS"])
async def serve_preview(request: HttpRequest, link: str) -> HttpResponseBase:
    """Answer `/preview/<token>/<name>`; `?w=` makes pictures smaller, `?codec=copy` keeps H.265.

    403 for a link that was changed, has expired or was withdrawn, 404 where there is nothing to
    show, 503 when the server has too much to do.
    """
    if request.method == "OPTIONS":
        return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={**SHARED, **PREFLIGHT})
    try:
        return await shown(request, link)
    except BadWish as error:
        return refused(HTTPStatus.UNPROCESSABLE_ENTITY, INVALID, errors=error.errors)
    except BadLink as error:
        return refused(HTTPStatus.FORBIDDEN, error.message)
    except CannotRender as error:
        return refused(HTTPStatus.NOT_FOUND, error.message)
    except Busy as error:
        response = refused(HTTPStatus.SERVICE_UNAVAILABLE, BUSY)
        response["Retry-After"] = str(error.seconds)
        return response


async def shown(request: HttpRequest, link: str) -> HttpResponseBase:
    """Answer with what is behind the link, rendered now if need be; raises why it cannot."""
    followed = await in_database(follow, link, request.GET)
    if matches_etag(request.headers.get("If-None-Match"), followed.headers["ETag"]):
        close(followed.result)
        return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=followed.headers)
    return answer(request, followed.result or await rendered(followed), followed.headers)


def follow(link: str, query: QueryDict) -> Followed:
    """Look at a link and at what there is behind it: four queries, one more before rendering.

    Raises:
        BadLink: it may not be followed, or not any more.
        BadWish: not with this query.
        CannotRender: there is nothing to be shown.
    """
    now = timezone.now()
    token, _, name = link.rpartition("/")
    grant = signing.read(token, now)
    if grant.kind is not Kind.PREVIEW or name != NAMES.get(grant.source):
        raise Changed
    wish = wish_of(query)

    def look_up() -> Draft:
        return draft_of(grant, check_issuer(grant, now), wish, now)

    draft = remembered((token, wish), look_up)
    result = kept(draft.order)
    order = draft.order if result else draft.complete()
    return Followed(grant, order, headers_of(grant, draft.stream, order, now), result)


def wish_of(query: QueryDict) -> Wish:
    width, codec = query.get("w"), query.get("codec")
    if codec not in {None, "copy"}:
        raise BadWish("codec", BAD_CODEC)
    if width is None:
        return Wish(None, keeps_codec=codec == "copy")
    if not (width.isascii() and width.isdigit() and len(width) <= len(str(MOST_WIDTH))):
        raise BadWish("w", BAD_WIDTH)
    if not LEAST_WIDTH <= int(width) <= MOST_WIDTH:
        raise BadWish("w", BAD_WIDTH)
    return Wish(int(width), keeps_codec=codec == "copy")


def kept(order: Order) -> Result | None:
    """Return the result of *order* if it was rendered before."""
    path = studio().find(order)
    if path is None:
        return None
    try:
        return load(path)
    except OSError:  # it had to go for others just now
        return None


def load(path: Path) -> Result:
    if path.suffix == ".jpg":
        return path.read_bytes()
    file = path.open("rb")
    return OpenedOnDisk(file, path.stat().st_size)


async def rendered(followed: Followed) -> Result:
    """Have it rendered.

    Raises:
        CannotRender, Busy: it is not.
        Expired, Withdrawn: the link has, or was, meanwhile.
    """
    path = await studio().render(followed.order, settings.VMS["VMS_PREVIEW_SECONDS"])
    now = timezone.now()
    if now >= followed.grant.expires_at:
        raise Expired
    await in_database(check_issuer, followed.grant, now)
    try:
        # Just written, so it lies in memory; a thread would cost more than it takes.
        return load(path)
    except OSError as error:
        raise Busy(1) from error


def headers_of(grant: Grant, stream: Stream, order: Order, now: datetime) -> dict[str, str]:
    left = int((grant.expires_at - now).total_seconds())
    fresh = f"max-age={min(left, FRESH_SECONDS)}" if grant.begin else "no-cache"
    is_inline = grant.option(DOWNLOAD) is None
    return {
        **SHARED,
        "ETag": f'"{order.key}"',
        "Cache-Control": f"private, {fresh}, no-transform",
        "Content-Type": TYPES[grant.source],
        "Content-Disposition": content_disposition(name_of(grant, stream), inline=is_inline),
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def name_of(grant: Grant, stream: Stream) -> str:
    when = f".{grant.begin:%Y%m%d-%H%M%S}" if grant.begin else ""
    return f"{stream.camera.name}{when}.{grant.source}"


def answer(request: HttpRequest, result: Result, headers: dict[str, str]) -> HttpResponseBase:
    """Answer a picture whole, of a clip the part that is asked for."""
    if isinstance(result, bytes):
        return HttpResponse(result, headers=headers)
    chosen = choose_part(request.headers, result.size, headers["ETag"], None)
    told = {**headers, **chosen.headers, "Accept-Ranges": "bytes"}
    if request.method == "HEAD" or chosen.part.is_empty:
        result.close()
        return HttpResponse(status=chosen.status, headers=told)
    return StreamingHttpResponse(read(result, chosen.part), status=chosen.status, headers=told)


def close(result: Result | None) -> None:
    if isinstance(result, OpenedOnDisk):
        result.close()


def refused(status: HTTPStatus, message: str, **more: Any) -> JsonResponse:
    headers = {**SHARED, "Cache-Control": "no-store"}
    return JsonResponse({"message": message, **more}, status=status, headers=headers)
