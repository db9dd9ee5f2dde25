"""Operator pages of cameras and their archive. No page shows a stream's credentials."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest

from cameras.archive.folders import layout_of
from cameras.archive.layout import BadLayout
from cameras.models import ArchiveFolder, Camera, CameraAccess, CameraGroup, Segment, Stream
from cameras.sources import BadSource, check_source_url, shown_url


class StreamForm(forms.ModelForm):
    """Shows the address without its credentials; left as it is shown, they stay as they were."""

    class Meta:
        model = Stream
        fields = ("camera", "type", "url", "is_enabled", "status")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_url = self.instance.url
        self.initial["url"] = shown_url(self.stored_url)
        self.fields["url"].help_text = (
            "rtsp:, http:, file: or demo:; empty: not recorded. User and password are kept but "
            "not shown; after a change, write them again."
        )

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if url == shown_url(self.stored_url):
            return str(self.stored_url)
        try:
            check_source_url(url)
        except BadSource as error:
            raise forms.ValidationError(str(error)) from error
        return url


class ArchiveFolderForm(forms.ModelForm):
    class Meta:
        model = ArchiveFolder
        fields = ("stream", "path", "layout", "is_watched")

    def clean_layout(self) -> str:
        layout = str(self.cleaned_data["layout"])
        try:
            layout_of(ArchiveFolder(layout=layout))
        except BadLayout as error:
            raise forms.ValidationError(str(error)) from error
        return layout


class BoundedPaginator(Paginator):
    """Counts only so far as somebody would turn pages; a full count reads the whole table."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[: self.MOST].count())


class StreamInline(admin.TabularInline):
    model = Stream
    form = StreamForm
    fields = ("type", "url", "is_enabled", "status")
    extra = 0


class CameraAccessInline(admin.TabularInline):
    model = CameraAccess
    raw_id_fields = ("user",)
    extra = 0


@admin.register(CameraGroup)
class CameraGroupAdmin(admin.ModelAdmin):
    list_display = ("name", "parent")
    list_select_related = ("parent",)
    search_fields = ("name",)


@admin.register(Camera)
class CameraAdmin(admin.ModelAdmin):
    list_display = ("name", "id", "uuid", "group", "is_public", "archive_storage_days")
    list_filter = ("is_public", "group")
    list_select_related = ("group",)
    search_fields = ("name", "uuid")
    inlines = (StreamInline, CameraAccessInline)


@admin.register(Stream)
class StreamAdmin(admin.ModelAdmin):
    form = StreamForm
    list_display = ("camera", "type", "address", "is_enabled", "status", "disconnections_count")
    list_filter = ("type", "is_enabled", "status")
    list_select_related = ("camera",)
    search_fields = ("camera__name",)
    raw_id_fields = ("camera",)

    @admin.display(description="address")
    def address(self, stream: Stream) -> str:
        return shown_url(stream.url)


@admin.register(CameraAccess)
class CameraAccessAdmin(admin.ModelAdmin):
    list_display = ("user", "camera", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("user", "camera")
    search_fields = ("user__login", "camera__name")
    raw_id_fields = ("user", "camera")


@admin.register(ArchiveFolder)
class ArchiveFolderAdmin(admin.ModelAdmin):
    form = ArchiveFolderForm
    list_display = ("stream", "path", "layout", "is_own", "is_watched", "scanned_at")
    list_filter = ("is_own", "is_watched")
    list_select_related = ("stream",)
    raw_id_fields = ("stream",)
    readonly_fields = ("is_own",)  # retention deletes in own folders, so no slip may make one


@admin.register(Segment)
class SegmentAdmin(admin.ModelAdmin):
    """To look at: rows are made by scans and recorders. Nothing here counts millions of rows."""

    list_display = ("stream_id", "begin", "end", "video_codec", "audio_codec", "size")
    list_filter = ("stream",)
    ordering = ("stream_id", "begin")
    paginator = BoundedPaginator
    show_full_result_count = False
    raw_id_fields = ("stream", "folder")
    list_per_page = 50

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False
