"""The cameras the one who asks may watch."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from cameras.access import blocked_ids, streams_for, visible_cameras
from cameras.archive.index import JOINED
from cameras.archive.ranges import MOST, TooManyRanges, recorded_ranges
from cameras.filters import MOST_SHOWN, asked_ids, asked_range, can_be_id, narrow, with_streams
from cameras.models import Camera, Stream
from cameras.schema import ArchiveRangesSerializer, CameraSerializer
from cameras.serializers import Status, camera_record, ranges_record
from cameras.timeline import Interval
from vms.api.errors import AccessBlocked, InvalidData
from vms.api.schema import refusals

LONGEST_ID = 19  # digits; no more of them are read as a number
BLOCKED = "Access to this camera is blocked."
TOO_MANY = f"The archive is in more than {MOST} pieces; ask for a shorter interval."

ID = OpenApiParameter("id", int, OpenApiParameter.PATH)
FILTERS = [
    OpenApiParameter("search", str, description="part of the name"),
    OpenApiParameter("group_id", int),
    OpenApiParameter("statuses[]", str, many=True, enum=[str(one) for one in Status]),
    OpenApiParameter("exclude_ids[]", int, many=True, description="cameras to leave out"),
]
RANGE = [
    ID,
    OpenApiParameter("from", str, required=True, description="ISO 8601 with a zone"),
    OpenApiParameter("to", str, required=True, description="ISO 8601 with a zone"),
    OpenApiParameter(
        "stream",
        str,
        enum=list(Stream.Type.values),
        description="absent: high where it has footage, else low",
    ),
]


class CameraViewSet(GenericViewSet[Camera]):
    """See what there is to watch. Somebody else's camera looks like none."""

    serializer_class = CameraSerializer
    lookup_value_regex = r"[0-9]+"
    queryset = Camera.objects.none()

    def get_queryset(self) -> QuerySet[Camera]:
        return with_streams(visible_cameras(self.request.user))

    @extend_schema(
        parameters=FILTERS, responses={200: CameraSerializer(many=True), **refusals(401, 403, 422)}
    )
    def list(self, request: Request) -> Response:
        """List the cameras I may watch, by id."""
        page = self.paginate_queryset(narrow(self.get_queryset(), request.query_params)) or []
        return self.get_paginated_response([camera_record(camera) for camera in page])

    @extend_schema(
        parameters=[ID],
        responses={200: CameraSerializer, **refusals(401, 403, 404)},
    )
    def retrieve(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the router's names
        """Show a camera I may watch."""
        return Response(camera_record(self.find(pk)))

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "ids[]", int, many=True, required=True, description=f"at most {MOST_SHOWN}"
            )
        ],
        responses={200: CameraSerializer(many=True), **refusals(401, 403, 422)},
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def shows(self, request: Request) -> Response:
        """Show several cameras in the order asked; those I may not watch are left out."""
        ids = asked_ids(request.query_params)
        found = self.get_queryset().in_bulk(ids)
        return Response([camera_record(found[one]) for one in ids if one in found])

    @extend_schema(
        parameters=RANGE,
        responses={200: ArchiveRangesSerializer, **refusals(401, 403, 404, 422)},
    )
    @action(detail=True, url_path="archive/ranges", url_name="archive-ranges")
    def archive_ranges(self, request: Request, pk: str) -> Response:
        """Tell which parts of an interval are recorded and which are not."""
        camera = self.find(pk)
        interval, wanted = asked_range(request.query_params)
        stream = streams_for([camera], interval, wanted)[camera.pk].stream
        return Response(ranges_record(interval, ranges_of(stream, interval), stream, JOINED))

    def find(self, pk: str) -> Camera:
        """Load a camera I may watch; 404 for others, whether they exist or not.

        Raises:
            AccessBlocked: it was granted to me and is blocked now.
        """
        if len(pk) > LONGEST_ID or not can_be_id(int(pk)):
            raise Http404
        if blocked_ids(self.request.user, [int(pk)]):
            raise AccessBlocked({"id": [BLOCKED]})
        camera = self.get_queryset().filter(pk=int(pk)).first()
        if camera is None:
            raise Http404
        return camera


def ranges_of(stream: Stream | None, interval: Interval) -> list[Interval]:
    """List the recorded parts; none of a camera that has no such stream.

    Raises:
        InvalidData: there are too many for one answer.
    """
    try:
        return recorded_ranges(stream, interval) if stream else []
    except TooManyRanges as error:
        raise InvalidData({"to": [TOO_MANY]}) from error
