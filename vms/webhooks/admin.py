"""Operator pages for webhooks and the log of their deliveries: looked at, switched off and on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from vms.accounts.admin_lists import (
    NOTHING,
    GrowingAdmin,
    LookedAt,
    read_day,
    read_uuid,
    users_like,
)
from vms.webhooks.attempts import disable, enable
from vms.webhooks.models import Delivery, Webhook
from vms.webhooks.targets import shown


@admin.register(Webhook)
class WebhookAdmin(LookedAt, GrowingAdmin):
    """Addresses are shown without path and query: who registered one may have a secret there."""

    list_display = (
        "user",
        "address",
        "token",
        "created_at",
        "delivered_at",
        "failures",
        "disabled_at",
        "disabled_why",
    )
    list_select_related = ("user", "token")
    lookups = ("user__id__exact",)
    exclude = ("url",)
    readonly_fields = ("address",)
    search_help_text = "A login or name, a webhook's id, or a day: 2026-03-10"
    actions = ("disable", "enable")
    goes_along = "The log of its deliveries goes along."

    def find(self, word: str, request: HttpRequest) -> Q:
        if day := read_day(word):
            return Q(created_at__gte=day[0], created_at__lt=day[1])
        if webhook_id := read_uuid(word):
            return Q(pk=webhook_id.hex)
        return Q(user_id__in=users_like(word, request))

    @admin.display(description="sent to")
    def address(self, webhook: Webhook) -> str:
        return shown(webhook.url)

    @admin.action(description="Disable the selected webhooks", permissions=["act"])
    def disable(self, request: HttpRequest, webhooks: Any) -> None:
        disabled = disable(webhooks, "An operator disabled it.", timezone.now())
        self.message_user(request, f"Webhooks disabled: {disabled}.")

    @admin.action(description="Enable the selected webhooks", permissions=["act"])
    def enable(self, request: HttpRequest, webhooks: Any) -> None:
        self.message_user(request, f"Webhooks enabled: {enable(webhooks)}.")


@admin.register(Delivery)
class DeliveryAdmin(LookedAt, GrowingAdmin):
    rows_stay = True
    list_display = (
        "id",
        "webhook",
        "type",
        "state",
        "attempts",
        "status",
        "error",
        "created_at",
        "next_attempt_at",
        "finished_at",
    )
    list_select_related = ("webhook",)
    list_filter = ("state", "created_at")
    lookups = ("webhook__id__exact",)
    ordering = ("-pk",)
    exclude = ("body",)  # has links to files
    search_help_text = "A login or name, a webhook's or a delivery's id, or a day: 2026-03-10"

    def find(self, word: str, request: HttpRequest) -> Q:
        if day := read_day(word):
            return Q(created_at__gte=day[0], created_at__lt=day[1])
        if key := read_uuid(word):
            return Q(webhook_id=key.hex) | Q(key=key.hex)
        users = users_like(word, request)
        return Q(webhook__user_id__in=users) if users else NOTHING
