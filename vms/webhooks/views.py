"""The caller's webhooks: a person's all, a program's own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from vms.accounts.models import IntegrationToken, Scope, User
from vms.api.errors import InvalidData
from vms.api.schema import StatusSerializer, refusals
from vms.webhooks.models import Delivery, Webhook, WebhookQuerySet
from vms.webhooks.recording import record_test
from vms.webhooks.serializers import (
    DeliverySerializer,
    MadeWebhookSerializer,
    NewWebhookSerializer,
    WebhookSerializer,
)
from vms.webhooks.services import TooManyWebhooks, register, webhooks_of
from vms.webhooks.signatures import secret_of
from vms.webhooks.throttles import WebhookThrottle


class WebhookListView(ListAPIView):
    integration_scope = Scope.WEBHOOKS
    serializer_class = WebhookSerializer
    queryset = Webhook.objects.none()  # names the model in the OpenAPI document
    filter_backends = ()

    def get_queryset(self) -> WebhookQuerySet:
        return webhooks_of(*caller(self.request))

    def get_throttles(self) -> list[BaseThrottle]:
        return [WebhookThrottle()] if self.request.method == "POST" else []

    @extend_schema(
        summary="List my webhooks",
        responses={200: WebhookSerializer(many=True), **refusals(401, 403, 422)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first, disabled ones too."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Register a webhook",
        request=NewWebhookSerializer,
        responses={200: MadeWebhookSerializer, **refusals(400, 401, 403, 415, 422, 429)},
    )
    def post(self, request: Request) -> Response:
        """Have events sent to an https address. `secret` is in this answer and never again."""
        asked = NewWebhookSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            made = register(*caller(request), asked.validated_data["url"], timezone.now())
        except TooManyWebhooks as error:
            raise InvalidData({"webhook": [too_many()]}) from error
        body = {**WebhookSerializer(made).data, "secret": secret_of(made.pk)}
        return Response(body, headers={"Cache-Control": "no-store"})


class WebhookView(APIView):
    integration_scope = Scope.WEBHOOKS

    @extend_schema(
        summary="Remove a webhook",
        request=None,
        responses={200: StatusSerializer, **refusals(401, 403, 404)},
    )
    def delete(self, request: Request, webhook_id: str) -> Response:
        """Remove one of the caller's webhooks and its log; what waited for it is not sent."""
        webhook_of(request, webhook_id).delete()
        return Response({"status": "ok"})


class WebhookTestView(APIView):
    integration_scope = Scope.WEBHOOKS
    throttle_classes = (WebhookThrottle,)

    @extend_schema(
        summary="Send a test to a webhook",
        request=None,
        responses={200: DeliverySerializer, **refusals(401, 403, 404, 429)},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        """Send a `webhook_test`, once; what comes of it is in the log of deliveries.

        A webhook that was disabled is enabled again when the test arrives.
        """
        made = record_test(webhook_of(request, webhook_id))
        return Response(DeliverySerializer(made).data)


class DeliveryListView(ListAPIView):
    integration_scope = Scope.WEBHOOKS
    serializer_class = DeliverySerializer
    queryset = Delivery.objects.none()
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Delivery]:
        webhook = webhook_of(self.request, self.kwargs["webhook_id"])
        return Delivery.objects.filter(webhook=webhook).order_by("-pk")

    @extend_schema(
        summary="List the deliveries of a webhook",
        responses={200: DeliverySerializer(many=True), **refusals(401, 403, 404, 422)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first, those of the last seven days."""
        return super().get(request, *args, **kwargs)


def caller(request: Request) -> tuple[User, IntegrationToken | None]:
    """Tell who asks, and with which token when it is a program."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user, request.auth if isinstance(request.auth, IntegrationToken) else None


def webhook_of(request: Request, webhook_id: str) -> Webhook:
    """Find one of the caller's webhooks.

    Raises:
        Http404: there is none with this id, or it is somebody else's.
    """
    if not webhook_id.isalnum():  # a NUL is nothing to ask the database
        raise Http404
    webhook = webhooks_of(*caller(request)).filter(pk=webhook_id).first()
    if webhook is None:
        raise Http404
    return webhook


def too_many() -> str:
    most = settings.VMS["VMS_MAX_WEBHOOKS_PER_USER"]
    return f"At most {most} webhooks; remove one that is not needed."
