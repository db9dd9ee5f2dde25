"""The event log in the operator pages: to look at, not to change."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from vms.push.models import Event


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):
    list_display = ("id", "user", "session_id", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("user",)
    search_fields = ("user__login", "session_id")
    show_full_result_count = False

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Event | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Event | None = None) -> bool:
        return False
