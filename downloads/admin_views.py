"""Everybody's downloads, for operators."""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework.request import Request
from rest_framework.response import Response

from cameras.licensing import IsLicensed
from downloads.admin_schema import AdminRecordSerializer
from downloads.admin_serializers import AdminOrderSerializer, admin_record
from downloads.filters import OperatorFilterSerializer, everybodys_history, narrow
from downloads.models import Download, DownloadQuerySet
from downloads.views import FILTERS, ID, RecordViewSet
from exports.turns import tell_positions
from vms.accounts.permissions import IsOperator
from vms.api.links import origin
from vms.api.schema import StatusSerializer, refusals

ONE_OR_MANY = PolymorphicProxySerializer(
    component_name="AdminOrderAnswer",
    serializers=[AdminRecordSerializer, AdminRecordSerializer(many=True)],
    resource_type_field_name=None,
    many=False,
)
ANSWER = {200: AdminRecordSerializer, **refusals(401, 402, 403, 404)}
CHANGED = {200: AdminRecordSerializer, **refusals(401, 402, 403, 404, 422)}


@extend_schema_view(
    retrieve=extend_schema(parameters=[ID], responses=ANSWER),
    destroy=extend_schema(
        parameters=[ID], responses={200: StatusSerializer, **refusals(401, 402, 403, 404)}
    ),
    repeat=extend_schema(parameters=[ID], request=None, responses={**CHANGED, **refusals(429)}),
    cancel=extend_schema(parameters=[ID], request=None, responses=CHANGED),
)
class AdminDownloadViewSet(RecordViewSet):
    """Order files as an operator; follow and let go of everybody's."""

    permission_classes = (IsOperator, IsLicensed)
    serializer_class = AdminRecordSerializer

    def get_queryset(self) -> DownloadQuerySet:
        return everybodys_history()

    @extend_schema(
        request=AdminOrderSerializer,
        responses={200: ONE_OR_MANY, **refusals(400, 401, 402, 403, 415, 422, 429)},
    )
    def create(self, request: Request) -> Response:
        """Order a file of a camera or stream; or, with ids, one per camera: an array then."""
        downloads = self.order(request, AdminOrderSerializer, timezone.now())
        prefetch_related_objects(downloads, "stream__camera__streams")
        tell_positions(download.job for download in downloads)
        records = [self.listed(download) for download in downloads]
        body: Any = request.data
        return Response(records[0] if body.get("ids") is None else records)

    @extend_schema(
        parameters=[*FILTERS, OpenApiParameter("user_id", int, description="whose")],
        responses={200: AdminRecordSerializer(many=True), **refusals(401, 402, 403, 422)},
    )
    def list(self, request: Request) -> Response:
        """List everybody's downloads, newest first."""
        found = narrow(
            self.get_queryset(), request.query_params, timezone.now(), OperatorFilterSerializer
        )
        page = self.paginate_queryset(found) or []
        tell_positions(item.job for item in page)
        return self.get_paginated_response([self.listed(item) for item in page])

    def listed(self, download: Download) -> dict[str, Any]:
        return admin_record(download, timezone.now(), origin(self.request), self.session)
