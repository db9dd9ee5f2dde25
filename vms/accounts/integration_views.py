"""The caller's integration tokens. Programs cannot make tokens of their own: a session asks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from vms.accounts import integration
from vms.accounts.authentication import session_of
from vms.accounts.models import IntegrationToken, IntegrationTokenQuerySet
from vms.accounts.serializers import (
    IntegrationTokenSerializer,
    MadeIntegrationTokenSerializer,
    NewIntegrationTokenSerializer,
)
from vms.accounts.throttles import NewIntegrationTokenThrottle
from vms.api.errors import InvalidData
from vms.api.schema import StatusSerializer, refusals


class IntegrationTokenListView(ListAPIView):
    serializer_class = IntegrationTokenSerializer
    queryset = IntegrationToken.objects.none()  # names the model in the OpenAPI document
    filter_backends = ()

    def get_queryset(self) -> IntegrationTokenQuerySet:
        user = session_of(self.request).user
        return IntegrationToken.objects.filter(user=user, revoked_at=None)

    def get_throttles(self) -> list[BaseThrottle]:
        return [NewIntegrationTokenThrottle()] if self.request.method == "POST" else []

    @extend_schema(
        summary="List my integration tokens",
        responses={200: IntegrationTokenSerializer(many=True), **refusals(401, 403, 422)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first; expired ones too, revoked ones not. The tokens themselves nobody has."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Make an integration token",
        request=NewIntegrationTokenSerializer,
        responses={
            200: MadeIntegrationTokenSerializer,
            **refusals(400, 401, 403, 415, 422, 429),
        },
    )
    def post(self, request: Request) -> Response:
        """Make a token for a program. `token` is in this answer and never again."""
        user, now = session_of(request).user, timezone.now()
        asked = NewIntegrationTokenSerializer(data=request.data, context={"now": now})
        asked.is_valid(raise_exception=True)
        try:
            made, secret = integration.make_token(
                user,
                name=asked.validated_data["name"],
                scopes=asked.validated_data["scopes"],
                expires_at=asked.validated_data.get("expires_at"),
                now=now,
            )
        except integration.TooManyTokens as error:
            raise InvalidData({"integration_token": [too_many()]}) from error
        body = {**IntegrationTokenSerializer(made).data, "token": secret}
        return Response(body, headers={"Cache-Control": "no-store"})


class IntegrationTokenView(APIView):
    @extend_schema(
        summary="Revoke an integration token",
        request=None,
        responses={200: StatusSerializer, **refusals(401, 403, 404)},
    )
    def delete(self, request: Request, token_id: str) -> Response:
        """Revoke one of the caller's tokens; the next request with it is refused."""
        if not integration.revoke_token(session_of(request).user, token_id, timezone.now()):
            raise Http404
        return Response({"status": "ok"})


def too_many() -> str:
    most = settings.VMS["VMS_MAX_INTEGRATION_TOKENS_PER_USER"]
    return f"At most {most} integration tokens; revoke one that is not needed."
