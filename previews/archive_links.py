"""Links to the archive: for other sites and programs, and for the desktop client."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from cameras.access import blocked_ids, visible_cameras
from cameras.models import Stream
from cameras.timeline import Interval
from downloads import services
from downloads.direct import create_link
from downloads.schema import RecordSerializer
from downloads.serializers import (
    BLOCKED_CAMERA,
    Order,
    OrderSerializer,
    order_of,
    record,
)
from exports.terms import HOLD
from previews import cuts
from previews.archive_footage import Shown
from previews.archive_serializers import (
    ArchiveLinkSerializer,
    ArchiveLinksSerializer,
    LinkOrder,
    links_of,
)
from previews.archive_views import RECORD, link_path
from previews.grants import issuer_of
from previews.preview_links import StrangersThrottle
from previews.signing import Grant, IssuedTo, Kind
from vms.accounts.authentication import session_of
from vms.accounts.models import Scope, Session, User
from vms.api.clients import THICK_CLIENT, client_of
from vms.api.dates import wire_timestamp
from vms.api.errors import AccessBlocked, InvalidData
from vms.api.links import origin
from vms.api.schema import refusals

LONGEST_ID = 18  # digits
EXAMPLE = {
    "cameras": [
        {
            "uuid": "9b2b4c0e-6c1f-4f0b-8d3c-2a4f6f0f5a11",
            "stream_type": "high",
            "from": "2023-03-10T10:20:00Z",
            "to": "2023-03-10T10:30:00Z",
        }
    ],
    "source": "mp4",
    "ttl": "300",
}
ANSWER = {
    "url": "https://vms.example/archive/WzEs.c2ln/archive.mp4",
    "expired_at": "2023-03-10T11:05:00.000000Z",
    "at": "2023-03-10T10:20:00.000000Z",
    "move_to": None,
}


class ArchiveLinksView(APIView):
    """Links that play or download an interval of the archive."""

    permission_classes = (AllowAny,)
    integration_scope = Scope.LINKS

    def get_throttles(self) -> list[BaseThrottle]:
        return [StrangersThrottle()]

    @extend_schema(
        request=ArchiveLinksSerializer,
        responses={
            200: ArchiveLinkSerializer(many=True),
            **refusals(400, 401, 403, 415, 422, 429),
        },
        examples=[
            OpenApiExample("request", EXAMPLE, request_only=True),
            OpenApiExample("answer", ANSWER, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Get a link for each camera, in the order asked; without a token of public cameras only.

        A link serves the cut straight from the archive. `at` is the first instant it shows; where
        nothing was recorded at `from`, `move_to` says the same. With no footage in the interval
        at all the link shows as much of the next there is.
        """
        now = timezone.now()
        order = links_of(request.user, request.data, now)
        issuer = issuer_of(request)
        cuts.warm()
        return Response([self.link(request, order, one, issuer, now) for one in order.shown])

    def link(
        self,
        request: Request,
        order: LinkOrder,
        shown: Shown,
        issuer: tuple[IssuedTo, str],
        now: datetime,
    ) -> dict[str, Any]:
        expires_at = now + order.ttl
        grant = grant_of(shown.stream, shown.interval, order.source, issuer, expires_at)
        is_moved = shown.at - shown.asked.begin > HOLD
        return {
            "url": origin(request) + link_path(grant),
            "expired_at": wire_timestamp(expires_at),
            "at": wire_timestamp(shown.at),
            "move_to": wire_timestamp(shown.at) if is_moved else None,
        }


class CameraLinkSerializer(serializers.Serializer):
    """The link of the desktop client; or, for all others, the download that was begun."""

    link = serializers.URLField(allow_null=True)
    download = RecordSerializer(required=False)


class OneCameraSerializer(OrderSerializer):
    """The query of a link: as an order of a file of one camera."""


class LinkSerializer(OneCameraSerializer):
    """The same where no file is made: how many are in progress does not matter."""

    def check_quota(self, asked: int, errors: Any) -> None:
        """Allow it."""


class CameraLinkView(APIView):
    """An interval of one camera, for the desktop client at once and without a copy."""

    # Not HEAD, which must not begin a download or leave a line in the history.
    http_method_names = ("get", "options")

    @extend_schema(
        parameters=[
            OpenApiParameter("id", int, OpenApiParameter.PATH),
            OpenApiParameter("from", str, required=True, description="ISO 8601 with a zone"),
            OpenApiParameter("to", str, required=True, description="ISO 8601 with a zone"),
            OpenApiParameter("stream", str, enum=list(Stream.Type.values)),
            OpenApiParameter(
                "X-Client",
                str,
                OpenApiParameter.HEADER,
                description=f"`{THICK_CLIENT}` gets the link, others a download",
            ),
        ],
        responses={200: CameraLinkSerializer, **refusals(401, 403, 404, 422, 429)},
    )
    def get(self, request: Request, pk: str) -> Response:
        """Get a link straight to the archive, noted in the history; or begin a download."""
        now = timezone.now()
        session = session_of(request)
        is_thick = client_of(request).name == THICK_CLIENT
        form = LinkSerializer if is_thick else OneCameraSerializer
        order = self.order(session.user, find(session.user, pk), request, form, now)
        if is_thick:
            cuts.warm()
            make = partial(signed, order, session)
            made = create_link(session, origin(request), order, make, now)
            return Response({"link": origin(request) + made.link})
        (download,) = services.order_downloads(
            user=session.user,
            session_id=session.pk,
            origin=origin(request),
            order=order,
            now=now,
        )
        return Response({"link": None, "download": record(download, now, origin(request))})

    def order(
        self,
        user: User,
        camera_id: int,
        request: Request,
        form: type[OrderSerializer],
        now: datetime,
    ) -> Order:
        """Read the query; what is wrong with the camera is told under `camera`."""
        asked = {
            name: request.query_params[name]
            for name in ("from", "to", "stream")
            if request.query_params.get(name)
        }
        try:
            return order_of(user, {**asked, "ids": [camera_id]}, now, form)
        except InvalidData as error:
            details: Any = error.detail
            renamed = {"camera" if key.startswith("ids") else key: details[key] for key in details}
            raise type(error)(renamed) from error


def find(user: User, pk: str) -> int:
    """Return the id of a camera the user may watch.

    Raises:
        Http404: there is none, or not for them. AccessBlocked: they were shut out of it.
    """
    number = int(pk) if len(pk) <= LONGEST_ID else 0
    if blocked_ids(user, [number]):
        raise AccessBlocked({"camera": [BLOCKED_CAMERA]})
    if not visible_cameras(user).filter(pk=number).exists():
        raise Http404
    return number


def signed(order: Order, session: Session, record_id: int, expires_at: datetime) -> str:
    """Return the path of the link of a record: it goes with the record too."""
    _camera, stream = order.streams[0]
    issuer = IssuedTo.SESSION, session.pk
    options = ((RECORD, str(record_id)),)
    return link_path(grant_of(stream, order.interval, "mp4", issuer, expires_at, options))


def grant_of(
    stream: Stream,
    interval: Interval,
    source: str,
    issuer: tuple[IssuedTo, str],
    expires_at: datetime,
    options: tuple[tuple[str, str], ...] = (),
) -> Grant:
    issued_to, issuer_id = issuer
    return Grant(
        kind=Kind.ARCHIVE,
        source=source,
        camera=stream.camera.uuid,
        stream=stream.uuid,
        begin=interval.begin,
        end=interval.end,
        issued_to=issued_to,
        issuer=issuer_id,
        expires_at=expires_at,
        options=options,
    )
