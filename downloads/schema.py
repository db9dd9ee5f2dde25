"""Describes the records for the OpenAPI document; `downloads.serializers` makes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from downloads.models import STATUS
from vms.accounts.serializers import UserSerializer


class SpanSerializer(serializers.Serializer):
    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), "to": serializers.DateTimeField()}


class CoverageSerializer(serializers.Serializer):
    asked = SpanSerializer()
    delivered = SpanSerializer()
    gaps = SpanSerializer(many=True)


class ReasonSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()


class RecordSerializer(serializers.Serializer):
    """What create and the push say of a download."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    type = serializers.CharField()
    url = serializers.URLField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    is_file_exists = serializers.BooleanField()
    user_id = serializers.IntegerField()
    status = serializers.ChoiceField(sorted(STATUS.values()))
    progress = serializers.IntegerField(min_value=0, max_value=100)
    queue_position = serializers.IntegerField(
        min_value=1, allow_null=True, help_text="1 is made next; null unless queued"
    )
    error = ReasonSerializer(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)
    duration = serializers.FloatField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True)
    coverage = CoverageSerializer(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
    cut = serializers.CharField()
    mode = serializers.CharField(allow_null=True)
    engine = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python, so these two cannot be class attributes.
        return {
            **super().get_fields(),
            "from": serializers.CharField(),
            "to": serializers.CharField(),
        }


class StreamSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    type = serializers.ChoiceField(["high", "low"])
    camera_id = serializers.IntegerField()
    is_preview_from_server = serializers.BooleanField()
    is_archive_from_server = serializers.BooleanField(allow_null=True)
    status = serializers.CharField(allow_null=True)
    has_sound = serializers.BooleanField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)


class ListedRecordSerializer(RecordSerializer):
    """What lists and show say of a download."""

    attributes = serializers.ListField(child=serializers.CharField())
    stream = StreamSerializer(allow_null=True)
    user = UserSerializer()


class CodecsSerializer(serializers.Serializer):
    video = serializers.ListField(child=serializers.CharField())
    audio = serializers.ListField(child=serializers.CharField())


class ExpectedCoverageSerializer(CoverageSerializer):
    delivered = SpanSerializer(allow_null=True)


class EstimateSerializer(serializers.Serializer):
    """What an order would make of one camera."""

    camera_id = serializers.IntegerField()
    stream_id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    coverage = ExpectedCoverageSerializer()
    gaps = SpanSerializer(many=True)
    size = serializers.IntegerField(help_text="bytes, about")
    duration = serializers.FloatField(help_text="seconds, about")
    codecs = CodecsSerializer()
    refusal = ReasonSerializer(allow_null=True)
