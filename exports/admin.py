"""Export jobs on the operator pages: to look at, not to edit."""

from __future__ import annotations

from django.contrib import admin

from exports.models import ExportJob


@admin.register(ExportJob)
class ExportJobAdmin(admin.ModelAdmin):
    list_display = ("id", "stream", "begin", "end", "state", "progress", "attempt", "created_at")
    list_select_related = ("stream",)
    list_filter = ("state",)
    search_fields = ("=id",)
    show_full_result_count = False

    def get_readonly_fields(self, _request: object, _obj: object = None) -> list[str]:
        return [field.name for field in ExportJob._meta.fields]  # noqa: SLF001 - Django's own name

    def has_add_permission(self, request: object) -> bool:  # noqa: ARG002 - ordered, not typed in
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:  # noqa: ARG002
        return False
