"""Describes cameras for the OpenAPI document; `cameras.serializers` makes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from cameras.models import Stream


class CameraStreamSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    type = serializers.ChoiceField(list(Stream.Type.values))
    camera_id = serializers.IntegerField()
    is_preview_from_server = serializers.BooleanField()
    is_archive_from_server = serializers.BooleanField(allow_null=True)
    status = serializers.CharField(allow_null=True, help_text="active, inactive or null")
    has_sound = serializers.BooleanField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)


class ServicesSerializer(serializers.Serializer):
    ptz = serializers.BooleanField()
    motion_detect = serializers.BooleanField()


class RangeSerializer(serializers.Serializer):
    """`2026-03-14 09:26:00`, UTC."""

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python, so these two cannot be class attributes.
        return {
            "from": serializers.CharField(),
            "to": serializers.CharField(),
            **super().get_fields(),
        }


class ArchiveRangesSerializer(RangeSerializer):
    stream = serializers.ChoiceField(list(Stream.Type.values), allow_null=True)
    ranges = RangeSerializer(many=True)
    gaps = RangeSerializer(many=True)
    duration = serializers.FloatField(help_text="seconds with footage")


class CameraSerializer(serializers.Serializer):
    """A camera the caller may watch. What is not kept here is null, empty or false."""

    id = serializers.IntegerField()
    uuid = serializers.UUIDField()
    name = serializers.CharField()
    pretty_name = serializers.CharField()
    pretty_text = serializers.CharField()
    short_address = serializers.CharField()
    full_address = serializers.CharField()
    lat = serializers.FloatField(allow_null=True)
    lng = serializers.FloatField(allow_null=True)
    azimuth = serializers.FloatField(allow_null=True)
    group_id = serializers.IntegerField(allow_null=True)
    billing_id = serializers.IntegerField(allow_null=True)
    type = serializers.CharField()
    status = serializers.CharField(help_text="active, inactive, initial or empty")
    user_status = serializers.CharField(help_text="active")
    start_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    streams = CameraStreamSerializer(many=True)
    services = ServicesSerializer()
    has_sound = serializers.BooleanField()
    archive_ranges = RangeSerializer(many=True, help_text="from the first to the last instant")
    is_archive_recording = serializers.BooleanField()
    is_bridge = serializers.BooleanField()
    is_favorite = serializers.BooleanField()
    is_public = serializers.BooleanField()
