"""Downloads on the operator pages."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.utils import timezone

from downloads import services
from downloads.models import Download


@admin.register(Download)
class DownloadAdmin(admin.ModelAdmin):
    list_display = ("id", "name", "user", "state", "progress", "created_at", "expires_at")
    list_select_related = ("user", "job")
    list_filter = ("created_at",)
    search_fields = ("=id", "=user__login")
    show_full_result_count = False
    raw_id_fields = ("user", "stream", "job")
    readonly_fields = ("session_id", "origin", "created_at", "announced_at")

    @admin.display(ordering="job__state")
    def state(self, download: Download) -> str:
        return download.job.state

    @admin.display
    def progress(self, download: Download) -> str:
        return f"{download.job.progress} %"

    def delete_model(self, request: object, obj: Download) -> None:  # noqa: ARG002
        services.delete(obj, timezone.now())

    def delete_queryset(self, request: object, queryset: QuerySet[Download]) -> None:  # noqa: ARG002
        for download in queryset:
            services.delete(download, timezone.now())

    def has_add_permission(self, request: object) -> bool:  # noqa: ARG002 - ordered, not typed in
        return False
