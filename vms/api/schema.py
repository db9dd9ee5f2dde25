"""Declares the refusals of an endpoint in the OpenAPI description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class MessageSerializer(serializers.Serializer):
    message = serializers.CharField()


class InvalidDataSerializer(MessageSerializer):
    # `errors` is a property of DRF serializers, so the field cannot be an attribute here.
    def get_fields(self) -> dict[str, serializers.Field]:
        messages = serializers.ListField(child=serializers.CharField())
        return {**super().get_fields(), "errors": serializers.DictField(child=messages)}


class StatusSerializer(serializers.Serializer):
    """The answer to what has nothing else to say: `{"status": "ok"}`."""

    status = serializers.CharField(default="ok")


def refusals(*statuses: int) -> dict[int, Any]:
    """Declare *statuses* for `extend_schema(responses={200: ..., **refusals(401, 422)})`."""
    return {
        status: InvalidDataSerializer if status == 422 else MessageSerializer  # noqa: PLR2004
        for status in statuses
    }
