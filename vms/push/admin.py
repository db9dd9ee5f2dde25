"""The event log in the operator pages: to look at, not to change."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from vms.accounts.admin_lists import (
    NOTHING,
    GrowingAdmin,
    LookedAt,
    read_day,
    read_number,
    read_uuid,
    users_like,
)
from vms.accounts.models import Session
from vms.push.models import Event


@admin.register(Event)
class EventAdmin(LookedAt, GrowingAdmin):
    rows_stay = True
    list_display = ("id", "user", "number", "session_id", "created_at", "sent_at")
    list_filter = ("created_at",)
    lookups = ("user__id__exact",)
    list_select_related = ("user",)
    ordering = ("-created_at", "-pk")
    search_help_text = "An event's number, a session's id, a login or name, or a day: 2026-03-10"

    def find(self, word: str, request: HttpRequest) -> Q:
        if day := read_day(word):
            return Q(created_at__gte=day[0], created_at__lt=day[1])
        if session_id := read_uuid(word):
            return of_session(session_id.hex)
        found = Q(user_id__in=users_like(word, request))
        number = read_number(word)
        return found if number is None else found | Q(pk=number)


def of_session(session_id: str) -> Q:
    """Select a session's events by way of its user, of whom the index knows."""
    session = Session.objects.filter(pk=session_id).first()
    return NOTHING if session is None else Q(user_id=session.user_id, session_id=session_id)
