"""Webhooks and deliveries on the wire."""

from __future__ import annotations

from rest_framework import serializers

from vms.api.dates import TimestampField
from vms.webhooks.models import Delivery, Webhook
from vms.webhooks.targets import LONGEST_URL, BadUrl, read_target


class WebhookSerializer(serializers.ModelSerializer):
    """A webhook as lists show it: without its secret."""

    created_at = TimestampField()
    delivered_at = TimestampField(allow_null=True)
    disabled_at = TimestampField(allow_null=True)

    class Meta:
        model = Webhook
        fields = (
            "id",
            "url",
            "created_at",
            "delivered_at",
            "failures",
            "disabled_at",
            "disabled_why",
        )
        read_only_fields = fields


class MadeWebhookSerializer(WebhookSerializer):
    """The answer to a registration, which alone has the secret."""

    secret = serializers.CharField()

    class Meta:
        model = Webhook
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class NewWebhookSerializer(serializers.Serializer):
    url = serializers.CharField(max_length=LONGEST_URL)

    def validate_url(self, url: str) -> str:
        try:
            read_target(url)
        except BadUrl as error:
            raise serializers.ValidationError(str(error)) from error
        return url


class DeliverySerializer(serializers.ModelSerializer):
    """A line of the log."""

    id = serializers.CharField(source="key", help_text="the webhook-id of every attempt")
    status = serializers.IntegerField(allow_null=True, help_text="of the last answer")
    state = serializers.ChoiceField(Delivery.State.values)
    created_at = TimestampField()
    next_attempt_at = TimestampField(allow_null=True)
    finished_at = TimestampField(allow_null=True)

    class Meta:
        model = Delivery
        fields = (
            "id",
            "type",
            "state",
            "attempts",
            "status",
            "error",
            "created_at",
            "next_attempt_at",
            "finished_at",
        )
        read_only_fields = fields
