"""What a list of downloads may be narrowed by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from rest_framework import serializers

from downloads.models import STATUS, Download, DownloadQuerySet
from downloads.serializers import camera_id_field
from exports.models import ExportJob
from vms.api.dates import ZonedDateTimeField
from vms.api.errors import InvalidData
from vms.api.pagination import page_errors


class FilterSerializer(serializers.Serializer):
    """The query: `from` and `to` bound the creation, both included; the others are ours."""

    status = serializers.ChoiceField(list(STATUS.values()), required=False)
    ids = serializers.ListField(child=camera_id_field(), required=False)
    search = serializers.CharField(required=False, max_length=100)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python, so these two cannot be class attributes.
        return {
            "from": ZonedDateTimeField(required=False),
            "to": ZonedDateTimeField(required=False),
            **super().get_fields(),
        }


def narrow(downloads: DownloadQuerySet, query: QueryDict, now: datetime) -> DownloadQuerySet:
    """Apply the filters of a query string; an empty one counts as absent.

    Raises:
        InvalidData: with every wrong key, those of the page too.
    """
    data: dict[str, Any] = {key: value for key, value in query.items() if value != ""}
    ids = query.getlist("ids[]") + query.getlist("ids")
    data = {**data, "ids": ids} if ids else data
    serializer = FilterSerializer(data=data)
    serializer.is_valid()
    if errors := {**serializer.errors, **page_errors(query)}:
        raise InvalidData(errors)
    wanted = serializer.validated_data
    if "from" in wanted:
        downloads = downloads.filter(created_at__gte=wanted["from"])
    if "to" in wanted:
        downloads = downloads.filter(created_at__lte=wanted["to"])
    if "ids" in wanted:
        downloads = downloads.filter(stream__camera_id__in=wanted["ids"])
    if "search" in wanted:
        downloads = downloads.filter(name__icontains=wanted["search"])
    if "status" in wanted:
        downloads = downloads.filter(has_status(wanted["status"], now))
    return downloads


def has_status(status: str, now: datetime) -> Q:
    """Say in SQL what `Download.status` says of one row."""
    if status == "cancelled":
        return Q(job__state=ExportJob.State.CANCELLED) | Q(cancelled_at__isnull=False)
    live = Q(cancelled_at=None)
    gone = Q(expires_at__lte=now) | Q(expires_at=None, job__expires_at__lte=now)
    if status == "ready":
        return live & Q(job__state=ExportJob.State.READY) & ~gone
    if status == "expired":
        return live & (
            Q(job__state=ExportJob.State.EXPIRED) | Q(job__state=ExportJob.State.READY) & gone
        )
    state = next(state for state, word in STATUS.items() if word == status)
    return live & Q(job__state=state)


def history(user_id: int) -> DownloadQuerySet:
    """A user's downloads, newest first, with what a record shows."""
    return Download.objects.of(user_id).with_related().order_by("-created_at", "id")
