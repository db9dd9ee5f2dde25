"""Endpoints that do one thing each, so that the dialect can be seen without an app around it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework import exceptions, serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vms.accounts.permissions import IsOperator
from vms.api.dates import ZonedDateTimeField
from vms.api.errors import AccessBlocked, InvalidData, LicenseRequired

handler400 = "vms.api.errors.bad_request"
handler403 = "vms.api.errors.forbidden"
handler404 = "vms.api.errors.not_found"
handler500 = "vms.api.errors.server_error"


def failed(cause: Exception) -> OperationalError:
    """Make Django's error of an error of the driver."""
    error = OperationalError(*cause.args)
    error.__cause__ = cause
    return error


RAISED: dict[str, Exception] = {
    "license": LicenseRequired(),
    "blocked": AccessBlocked({"camera": ["Access to this camera is blocked."]}),
    "throttled": exceptions.Throttled(wait=12.2),
    "denied": exceptions.PermissionDenied(),
    "dotted": InvalidData({"ids.0": ["There is no such camera."], "to": ["Too late."]}),
    "conflict": IntegrityError("UNIQUE constraint failed: accounts_user.login"),
    "deadlock": failed(psycopg.errors.DeadlockDetected("secret SELECT")),
    "serialization": failed(psycopg.errors.SerializationFailure("secret SELECT")),
    "database-away": failed(psycopg.OperationalError("secret: connection refused")),
    "bug": RuntimeError("secret /etc/passwd SELECT"),
    "django-denied": PermissionDenied("secret"),
    "suspicious": SuspiciousOperation("secret"),
}


class Raise(APIView):
    permission_classes = (AllowAny,)

    def get(self, request: Request, what: str) -> Response:
        raise RAISED[what]


def raise_plainly(request: HttpRequest, what: str) -> HttpResponse:
    raise RAISED[what]


def read_body(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


class CameraSerializer(serializers.Serializer):
    uuid = serializers.UUIDField()
    moment = ZonedDateTimeField(required=False)


class BodySerializer(serializers.Serializer):
    name = serializers.CharField()
    ids = serializers.ListField(child=serializers.IntegerField(), required=False)
    cameras = CameraSerializer(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["name"] == "refused":
            raise serializers.ValidationError("The whole is refused.")
        return attrs


class Echo(APIView):
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        asked = BodySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        moments: list[datetime | None] = [
            camera.get("moment") for camera in asked.validated_data.get("cameras", [])
        ]
        return Response({"moments": [moment and moment.isoformat() for moment in moments]})


class Rows(ListAPIView):
    """As many rows as the path says."""

    permission_classes = (AllowAny,)
    filter_backends = ()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(range(1, kwargs["count"] + 1))
        return self.get_paginated_response(page)


class ForOperators(APIView):
    permission_classes = (IsOperator,)

    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


class ForUsers(APIView):
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


both = [
    path("raise/<str:what>", Raise.as_view()),
    path("plain/<str:what>", raise_plainly),
    path("body", read_body),
    path("echo", Echo.as_view()),
    path("rows/<int:count>", Rows.as_view()),
    path("operators", ForOperators.as_view()),
    path("users", ForUsers.as_view()),
]
urlpatterns = [
    path("api/v1/", include(both)),
    path("api/admin/v1/", include(both)),
    path("page/<str:what>", raise_plainly),
]
