"""Links to pictures and short clips: for pages of other sites, walls of monitors, and clients."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from cameras.access import blocked_ids, visible_cameras
from cameras.filters import can_be_id
from cameras.models import Camera, Stream
from downloads.serializers import BLOCKED_CAMERA
from previews.grants import issuer_of
from previews.preview_moments import Moment
from previews.preview_serializers import (
    CameraPreviewLinkSerializer,
    PreviewLinkSerializer,
    PreviewLinksSerializer,
    preview_of,
    previews_of,
)
from previews.preview_views import DOWNLOAD, link_path
from previews.rendering_once import studio
from previews.signing import Grant, IssuedTo, Kind
from vms.accounts.models import Scope
from vms.api.dates import wire_timestamp
from vms.api.errors import AccessBlocked
from vms.api.links import origin
from vms.api.schema import refusals
from vms.api.throttling import AddressThrottle

LONGEST_ID = 19  # digits; no more of them are read as a number
EXAMPLE = {
    "cameras": [
        {
            "uuid": "9b2b4c0e-6c1f-4f0b-8d3c-2a4f6f0f5a11",
            "stream_type": "high",
            "date": "2023-03-10T10:20:00Z",
        }
    ],
    "source": "jpg",
    "ttl": "100",
}
LINK = {
    "expired_at": "2023-03-10T11:05:00.000000Z",
    "at": "2023-03-10T10:20:00.000000Z",
    "move_to": None,
}
ANSWER = {"url": "https://vms.example/preview/WzEs.c2ln/preview.jpg", **LINK}
ONE = {
    "preview": "https://vms.example/preview/WzEs.c2ln/preview.mp4",
    "is_need_token": False,
    **LINK,
}
FROM_WHEN = "ISO 8601 with a zone; absent: live"


class StrangersThrottle(AddressThrottle):
    """Who sends no token is held to a page's worth of links a minute."""

    scope = "public-previews"
    limit = 60
    window = timedelta(minutes=1)

    def who(self, request: Request, view: APIView) -> str | None:
        return None if request.auth else super().who(request, view)


class PreviewLinksView(APIView):
    """Links to a picture or some seconds of several cameras."""

    permission_classes = (AllowAny,)
    integration_scope = Scope.LINKS

    def get_throttles(self) -> list[BaseThrottle]:
        return [StrangersThrottle()]

    @extend_schema(
        request=PreviewLinksSerializer,
        responses={
            200: PreviewLinkSerializer(many=True),
            **refusals(400, 401, 403, 415, 422, 429),
        },
        examples=[
            OpenApiExample("request", EXAMPLE, request_only=True),
            OpenApiExample("answer", ANSWER, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Get a link for each camera, in the order asked; without a token of public cameras only.

        `jpg` is the very picture on screen at `date`, `mp4` the seconds from then on; without
        `date` the link shows what is live whenever it is followed. Where nothing was recorded at
        `date` the link shows the next footage, and `move_to` says from when. A picture can be had
        smaller by `?w=640` behind the link; `?codec=copy` gives a clip of H.265 as it is recorded.
        """
        now = timezone.now()
        order = previews_of(request.user, request.data, now)
        studio().warm()
        return Response(
            [
                {"url": url, **told}
                for url, told in (
                    link_to(request, moment, order.source, now + order.ttl)
                    for moment in order.moments
                )
            ]
        )


class CameraPreviewView(APIView):
    """The link to a preview of one camera."""

    permission_classes = (AllowAny,)
    integration_scope = Scope.LINKS

    def get_throttles(self) -> list[BaseThrottle]:
        return [StrangersThrottle()]

    @extend_schema(
        parameters=[
            OpenApiParameter("id", int, OpenApiParameter.PATH),
            OpenApiParameter("date", str, description=FROM_WHEN),
            OpenApiParameter("download", bool, description="true: to be saved, not shown"),
            OpenApiParameter("source", str, enum=["mp4", "jpg"], description="mp4 if absent"),
            OpenApiParameter("stream_type", str, enum=[*Stream.Type.values, "camera"]),
            OpenApiParameter("ttl", int, description="seconds; 300 if absent"),
        ],
        responses={200: CameraPreviewLinkSerializer, **refusals(401, 403, 404, 422, 429)},
        examples=[OpenApiExample("answer", ONE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, pk: str) -> Response:
        """Get a link to a preview of a camera I may watch."""
        now = timezone.now()
        order = preview_of(find(request, pk), request.query_params, now)
        studio().warm()
        options = ((DOWNLOAD, "1"),) if order.downloads else ()
        (moment,) = order.moments
        url, told = link_to(request, moment, order.source, now + order.ttl, options)
        return Response({"preview": url, "is_need_token": False, **told})


def find(request: Request, pk: str) -> Camera:
    """Load a camera who asks may watch, with its streams.

    Raises:
        NotAuthenticated: it is not public, and nobody said who asks.
        Http404: there is none, or it is somebody else's.
        AccessBlocked: it was granted and is blocked now.
    """
    number = int(pk) if len(pk) <= LONGEST_ID and can_be_id(int(pk)) else 0
    if blocked_ids(request.user, [number]):
        raise AccessBlocked({"id": [BLOCKED_CAMERA]})
    cameras = visible_cameras(request.user).filter(pk=number)
    camera = cameras.prefetch_related("streams").first()
    if camera is not None:
        return camera
    if request.auth is None:
        raise NotAuthenticated
    raise Http404


def link_to(
    request: Request,
    moment: Moment,
    source: str,
    expires_at: datetime,
    options: tuple[tuple[str, str], ...] = (),
) -> tuple[str, dict[str, Any]]:
    """Make the address of a link, and what is told of it."""
    issued_to, issuer = issuer_of(request)
    grant = grant_of(moment, source, expires_at, issued_to, issuer, options)
    at = None if moment.at is None else wire_timestamp(moment.at)
    return origin(request) + link_path(grant), {
        "expired_at": wire_timestamp(expires_at),
        "at": at,
        "move_to": at if moment.moved else None,
    }


def grant_of(
    moment: Moment,
    source: str,
    expires_at: datetime,
    issued_to: IssuedTo,
    issuer: str,
    options: tuple[tuple[str, str], ...],
) -> Grant:
    return Grant(
        kind=Kind.PREVIEW,
        source=source,
        camera=moment.camera.uuid,
        stream=moment.stream.uuid,
        begin=moment.at,
        end=None,
        issued_to=issued_to,
        issuer=issuer,
        expires_at=expires_at,
        options=options,
    )
