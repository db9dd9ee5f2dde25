"""Operator pages of cameras and their archive. No page shows a stream's credentials."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from cameras.admin_coverage import draw_bar, recorded_ticks
from cameras.admin_forms import StreamForm
from cameras.admin_recording import RecordingFilter, recording_of
from cameras.models import ArchiveFolder, Camera, CameraAccess, CameraGroup, Segment, Stream
from cameras.sources import shown_url
from vms.accounts.admin_lists import (
    NOTHING,
    GrowingAdmin,
    LookedAt,
    OperatorAdmin,
    few,
    read_day,
    read_number,
    users_like,
)

MEASURED = ("status", "has_sound", "width", "height", "disconnections_count")
STREAM_FIELDS = (
    *("camera", "type", "url", "is_enabled", "node", "uuid"),
    *MEASURED,
    "segments",
    "folders",
)


def listed(page: str, condition: str, value: Any, text: str = "Show") -> SafeString:
    """Link to the rows of another page that belong to this one."""
    address = reverse(f"admin:{page}_changelist")
    return format_html('<a href="{}?{}={}">{}</a>', address, condition, value, text)


def cameras_like(word: str, request: HttpRequest) -> list[Any]:
    """Find the ids of the cameras whose name holds *word*."""
    cameras = Camera.objects.filter(name__icontains=word)
    return few(cameras, f"cameras match {word!r}", request)


class StreamInline(admin.TabularInline):
    model = Stream
    form = StreamForm
    fields = ("type", "url", "is_enabled", "status")
    readonly_fields = ("status", "address")
    show_change_link = True
    extra = 0

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show those who may only look the address without its credentials too."""
        fields = super().get_fields(request, obj)
        return fields if self.has_change_permission(request, obj) else without_url(fields)

    @admin.display
    def address(self, stream: Stream) -> str:
        return shown_url(stream.url)


def without_url(fields: Any) -> list[Any]:
    return ["address" if name == "url" else name for name in fields]


@admin.register(CameraGroup)
class CameraGroupAdmin(OperatorAdmin):
    list_display = ("name", "parent")
    list_select_related = ("parent",)
    search_fields = ("name",)
    autocomplete_fields = ("parent",)


class CameraList(ChangeList):
    """Asks once what the whole page's streams have recorded."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        cameras: list[Any] = list(self.result_list)
        streams = [stream.pk for camera in cameras for stream in camera.streams.all()]
        recorded = recorded_ticks(streams, timezone.now())
        for camera in cameras:
            ticks = (recorded[stream.pk] for stream in camera.streams.all())
            camera.recorded_ticks = set().union(*ticks)
        self.result_list = cameras


@admin.register(Camera)
class CameraAdmin(OperatorAdmin):
    list_display = ("name", "id", "group", "recording", "last_24_hours", "is_public", "days")
    list_filter = ("is_public", RecordingFilter)
    lookups = ("group__id__exact",)
    list_select_related = ("group",)
    list_per_page = 25
    search_fields = ("name", "uuid", "external_id", "group__name")
    search_help_text = "A part of the name, of the group's name, of the UUID or of the external id"
    autocomplete_fields = ("group",)
    readonly_fields = ("access", "created_at", "updated_at")
    inlines = (StreamInline,)
    goes_along = "with its streams, access and the index of its archive; files stay on the disk"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Camera]:
        streams = Prefetch("streams", Stream.objects.defer("url"))
        return super().get_queryset(request).prefetch_related(streams)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002 - Django's signature
        return CameraList

    @admin.display
    def recording(self, camera: Camera) -> str:
        """Say of each stream how its recording goes."""
        words = (f"{stream.type}: {recording_of(stream)}" for stream in camera.streams.all())
        return ", ".join(words) or "no stream"

    @admin.display(description="last 24 hours")
    def last_24_hours(self, camera: Any) -> SafeString:
        return draw_bar(camera.recorded_ticks)

    @admin.display(ordering="archive_storage_days")
    def days(self, camera: Camera) -> str:
        """Say how long its footage is kept."""
        if camera.archive_storage_days is None:
            return "as set for all"
        return f"{camera.archive_storage_days}" if camera.archive_storage_days else "for ever"

    @admin.display(description="who may see it")
    def access(self, camera: Camera) -> SafeString:
        return listed("cameras_cameraaccess", "camera__id__exact", camera.pk)


@admin.register(Stream)
class StreamAdmin(OperatorAdmin):
    form = StreamForm
    list_display = (
        "camera",
        "id",
        "type",
        "address",
        "is_enabled",
        "status",
        "disconnections_count",
    )
    list_filter = ("type", "is_enabled", "status")
    list_select_related = ("camera",)
    search_fields = ("camera__name",)
    autocomplete_fields = ("camera",)
    readonly_fields = ("address", "uuid", *MEASURED, "segments", "folders")
    goes_along = "with the index of its archive; files stay on the disk"

    @admin.display(description="address")
    def address(self, stream: Stream) -> str:
        return shown_url(stream.url)

    @admin.display
    def segments(self, stream: Stream) -> SafeString:
        return listed("cameras_segment", "stream__id__exact", stream.pk)

    @admin.display(description="archive folders")
    def folders(self, stream: Stream) -> SafeString:
        return listed("cameras_archivefolder", "stream__id__exact", stream.pk)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show those who may only look the address without its credentials too."""
        fields = STREAM_FIELDS
        may_write = obj is None or self.has_change_permission(request, obj)
        return fields if may_write else without_url(fields)


@admin.register(CameraAccess)
class CameraAccessAdmin(GrowingAdmin):
    list_display = ("user", "camera", "status", "created_at")
    lookups = ("user__id__exact", "camera__id__exact")
    list_select_related = ("user", "camera")
    ordering = ("-pk",)
    search_help_text = "A part of the login or name of a user, or of the name of a camera"
    autocomplete_fields = ("user", "camera")

    def is_name(self, text: str) -> bool:
        return Camera.objects.filter(name__icontains=text).exists() or super().is_name(text)

    def find(self, word: str, request: HttpRequest) -> Q:
        users, cameras = users_like(word, request), cameras_like(word, request)
        return Q(user_id__in=users) | Q(camera_id__in=cameras)


@admin.register(ArchiveFolder)
class ArchiveFolderAdmin(LookedAt, OperatorAdmin):
    """Where its files lie is what the index was made from, so it is not typed anew.

    Deleting one forgets what was indexed of it; its files stay.
    """

    list_display = ("stream", "path", "layout", "is_own", "is_watched", "scanned_at")
    list_filter = ("is_own", "is_watched")
    lookups = ("stream__id__exact",)
    list_select_related = ("stream",)
    search_fields = ("path", "stream__camera__name")
    actions = ("watch", "stop_watching")

    @admin.action(description="Scan the selected folders again and again", permissions=["act"])
    def watch(self, request: HttpRequest, folders: QuerySet[ArchiveFolder]) -> None:
        self.message_user(request, f"Folders watched: {folders.update(is_watched=True)}.")

    @admin.action(description="Stop scanning the selected folders", permissions=["act"])
    def stop_watching(self, request: HttpRequest, folders: QuerySet[ArchiveFolder]) -> None:
        count = folders.update(is_watched=False)
        self.message_user(request, f"Folders not watched any more: {count}.")


@admin.register(Segment)
class SegmentAdmin(LookedAt, GrowingAdmin):
    """To look at: rows are made by scans and recorders. Nothing here counts millions of rows."""

    rows_stay = True
    list_display = ("stream_id", "camera", "begin", "end", "video_codec", "audio_codec", "size")
    lookups = ("stream__id__exact",)
    list_select_related = ("stream__camera",)
    ordering = ("-stream_id", "-begin", "-pk")
    search_help_text = "The number of a stream, and if you like a day: 12 2026-03-10"

    def find(self, word: str, request: HttpRequest) -> Q:
        if (number := read_number(word)) is not None:
            return Q(stream_id=number)
        if day := read_day(word):
            return Q(begin__gte=day[0], begin__lt=day[1]) if names_stream(request) else NOTHING
        return NOTHING

    @admin.display
    def camera(self, segment: Segment) -> str:
        return segment.stream.camera.name


def names_stream(request: HttpRequest) -> bool:
    """Say whether the list is narrowed to a stream: only then an index knows the days."""
    words = request.GET.get("q", "").split()
    return "stream__id__exact" in request.GET or any(
        read_number(word) is not None for word in words
    )
