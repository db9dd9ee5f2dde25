"""Describes the Admin API's records; `downloads.admin_serializers` makes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from downloads.schema import ListedRecordSerializer, StreamSerializer


def null() -> serializers.Field:
    """Describe a key that is documented and that we have no value for."""
    return serializers.CharField(allow_null=True)


class AdminCameraSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    group_id = serializers.IntegerField(allow_null=True)
    status = serializers.CharField(help_text="active, inactive, initial or empty (no stream)")
    type = serializers.CharField()
    start_at = null()
    created_at = serializers.DateTimeField()
    name = serializers.CharField()
    can_edit = serializers.BooleanField()
    origin = null()
    user_type = serializers.CharField()
    shared_from = null()
    ip = serializers.CharField()
    lat = serializers.FloatField(allow_null=True)
    lng = serializers.FloatField(allow_null=True)
    azimuth = serializers.FloatField(allow_null=True)
    is_sensitive = serializers.IntegerField()
    is_public = serializers.IntegerField(help_text="0 or 1")
    is_ip_reserved = serializers.BooleanField()
    count_issues = serializers.IntegerField()
    archive_storage_days = serializers.IntegerField(allow_null=True)
    is_archive_recording = serializers.BooleanField()
    archive_recording_type = serializers.CharField()
    is_increased_reconnect = serializers.IntegerField()
    is_sound_enabled = serializers.BooleanField()
    is_bridge = serializers.BooleanField()
    can_change_archive_timetable = serializers.BooleanField()
    is_auto_create_streams = serializers.BooleanField()
    is_provisioning_enable = serializers.BooleanField()
    is_can_manage_archive_storage_days = serializers.BooleanField()
    is_editable = serializers.BooleanField()
    status_changed_at = null()
    is_intercom = serializers.BooleanField()
    deleted_at = null()

    # `source` is a word of DRF's fields, so it cannot be a class attribute.
    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "source": serializers.CharField()}


class AdminStreamSerializer(StreamSerializer):
    """The long form of a stream."""

    url = serializers.CharField(help_text="without user, password and the like")
    bitrate = serializers.IntegerField(allow_null=True)
    resolution = serializers.CharField(allow_null=True, help_text="1920x1080")
    output_rate = null()
    ip = serializers.CharField(help_text="host of the url; empty when it has none")
    uuid = serializers.UUIDField()
    sound = null()
    streams_count = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    is_enabled = serializers.BooleanField()
    is_can_transfer = serializers.BooleanField()
    is_sound_enabled = serializers.BooleanField(allow_null=True)
    reconnect_attempt = serializers.IntegerField(allow_null=True)
    reconnect_total = serializers.IntegerField(allow_null=True)
    reconnect_time = null()
    disconnections_count = serializers.IntegerField()
    camera = AdminCameraSerializer()
    is_actual = serializers.BooleanField()
    condition = serializers.CharField(help_text="active, or inactive while it is not recorded")
    stopped_at = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "source": serializers.CharField()}


class AdminRecordSerializer(ListedRecordSerializer):
    """What the Admin API says of a download."""

    stream = AdminStreamSerializer(allow_null=True)
