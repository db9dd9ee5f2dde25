"""The downloads of the one who asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from downloads import services
from downloads.estimates import estimate_all
from downloads.filters import OwnFilterSerializer, histories, history, narrow
from downloads.models import Download, DownloadQuerySet
from downloads.schema import EstimateSerializer, ListedRecordSerializer, RecordSerializer
from downloads.serializers import OrderSerializer, listed_record, order_of, record
from exports.turns import tell_positions
from vms.accounts.models import Scope, Session, User
from vms.api.links import origin
from vms.api.schema import StatusSerializer, refusals

ID = OpenApiParameter("id", int, OpenApiParameter.PATH)
FILTERS = [
    OpenApiParameter("from", str, description="created at or after, ISO 8601 with a zone"),
    OpenApiParameter("to", str, description="created at or before, ISO 8601 with a zone"),
    OpenApiParameter("status", str),
    OpenApiParameter("ids[]", int, many=True, description="cameras"),
    OpenApiParameter("search", str, description="part of the name"),
]
OWNER = OpenApiParameter("user_id", int, description="myself or one of my sub-users")


class RecordViewSet(GenericViewSet[Download]):
    """Show, repeat, cancel and delete one of the downloads that `get_queryset` gives."""

    serializer_class = ListedRecordSerializer
    lookup_value_regex = r"[0-9]+"
    queryset = Download.objects.none()

    def get_queryset(self) -> DownloadQuerySet:
        raise NotImplementedError

    @property
    def user(self) -> User:
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101 - the permission class saw to it
        return user

    @property
    def session(self) -> Session | None:
        return self.request.auth if isinstance(self.request.auth, Session) else None

    @extend_schema(
        parameters=[ID], responses={200: ListedRecordSerializer, **refusals(401, 403, 404)}
    )
    def retrieve(self, request: Request, pk: str) -> Response:  # noqa: ARG002 - the router's names
        """Show a download."""
        return Response(self.placed(self.find(pk)))

    @extend_schema(parameters=[ID], responses={200: StatusSerializer, **refusals(401, 403, 404)})
    def destroy(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Remove a download from the history, and its file unless another record uses it."""
        services.delete(self.find(pk), timezone.now())
        return Response({"status": "ok"})

    @extend_schema(
        parameters=[ID],
        request=None,
        responses={200: ListedRecordSerializer, **refusals(401, 403, 404, 422, 429)},
    )
    @action(detail=True, methods=["post"])
    def repeat(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Make the file again, or keep it for another three hours."""
        download = self.find(pk)
        # Its owner gets the file: what they may not watch any more nobody repeats for them.
        services.repeat(download, download.user, timezone.now())
        return Response(self.placed(download))

    @extend_schema(
        parameters=[ID],
        request=None,
        responses={200: ListedRecordSerializer, **refusals(401, 403, 404, 422)},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Stop making the file."""
        download = self.find(pk)
        services.cancel(download, timezone.now())
        return Response(self.placed(download))

    def order(self, request: Request, form: type[OrderSerializer], now: datetime) -> list[Download]:
        """Make the records the body asks for, in the sequence asked."""
        return services.order_downloads(
            user=self.user,
            session_id=self.session.pk if self.session else "",
            origin=origin(request),
            order=order_of(self.user, request.data, now, form),
            now=now,
        )

    def find(self, pk: str) -> Download:
        """Load one of the downloads; 404 for others, whether they exist or not."""
        largest = BigIntegerField.MAX_BIGINT
        is_id = len(pk) <= len(str(largest)) and int(pk) <= largest
        download = self.get_queryset().filter(pk=int(pk)).first() if is_id else None
        if download is None:
            raise Http404
        return download

    def placed(self, download: Download) -> dict[str, Any]:
        """Make the record of one download, with its place in the queue."""
        tell_positions([download.job])
        return self.listed(download)

    def listed(self, download: Download) -> dict[str, Any]:
        return listed_record(download, timezone.now(), origin(self.request), self.session)


class DownloadViewSet(RecordViewSet):
    """Order files, follow them, let go of them. Somebody else's download looks like none."""

    integration_scope = Scope.DOWNLOADS

    def get_queryset(self) -> DownloadQuerySet:
        return history(self.user.pk)

    @extend_schema(
        request=OrderSerializer,
        responses={200: RecordSerializer(many=True), **refusals(400, 401, 403, 415, 422, 429)},
    )
    def create(self, request: Request) -> Response:
        """Order one file per camera; answers at once, the files are announced by push."""
        now = timezone.now()
        downloads = self.order(request, OrderSerializer, now)
        tell_positions(item.job for item in downloads)
        return Response([record(item, now, origin(request)) for item in downloads])

    @extend_schema(
        request=OrderSerializer,
        responses={200: EstimateSerializer(many=True), **refusals(400, 401, 403, 415, 422)},
    )
    @action(detail=False, methods=["post"])
    def estimate(self, request: Request) -> Response:
        """Tell what files an order would make, and why it would be refused; nothing is made."""
        return Response(estimate_all(self.user, request.data, timezone.now()))

    @extend_schema(
        parameters=[*FILTERS, OWNER],
        responses={200: ListedRecordSerializer(many=True), **refusals(401, 403, 422)},
    )
    def list(self, request: Request) -> Response:
        """List my downloads, newest first; with `user_id` those of one of my sub-users."""
        now = timezone.now()
        found = narrow(histories(), request.query_params, now, OwnFilterSerializer, self.user)
        page = self.paginate_queryset(found) or []
        tell_positions(item.job for item in page)
        return self.get_paginated_response([self.listed(item) for item in page])
