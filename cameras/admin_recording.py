"""How the recording of cameras goes, in words and as a filter of the operators' list."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from cameras.models import Stream


def recording_of(stream: Stream) -> str:
    if not stream.is_enabled:
        return "switched off"
    return stream.status or "not recorded"


class RecordingFilter(admin.SimpleListFilter):
    title = "recording"
    parameter_name = "recording"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's signature
        return [("interrupted", "interrupted"), ("paused", "switched off")]

    def queryset(self, request: HttpRequest, cameras: Any) -> Any:  # noqa: ARG002 - Django's signature
        streams = Stream.objects.filter(camera=OuterRef("pk"))
        if self.value() == "interrupted":
            broken = streams.filter(is_enabled=True, status=Stream.Status.INACTIVE)
            return cameras.filter(Exists(broken))
        if self.value() == "paused":
            return cameras.filter(Exists(streams.filter(is_enabled=False)))
        return cameras
