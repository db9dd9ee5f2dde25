"""Webhooks, and the log of what was and is to be delivered to them."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone

from vms.accounts.models import IntegrationToken
from vms.webhooks.targets import LONGEST_URL, shown

TEST = "webhook_test"


def new_id() -> str:
    return uuid.uuid4().hex


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def enabled(self, now: datetime) -> WebhookQuerySet:
        """Webhooks that events are for: neither disabled nor orphaned."""
        return self.owned(now).filter(disabled_at=None)

    def owned(self, now: datetime) -> WebhookQuerySet:
        """Webhooks whose user is active and whose token, if a program made them, is still good."""
        tokens = IntegrationToken.objects.live(now)
        return self.filter(Q(token=None) | Q(token__in=tokens), user__is_active=True)


class Webhook(models.Model):
    """An address that hears of a user's events.

    One that a program registered lives as long as the program's token. `failures` counts attempts
    since the last success; `quiet_until` keeps others from being made meanwhile.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey(
        IntegrationToken, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    url = models.CharField(max_length=LONGEST_URL)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    failures = models.PositiveIntegerField(default=0)
    quiet_until = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField("last delivered at", null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_why = models.CharField(max_length=200, blank=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        indexes = (
            models.Index(fields=["user", "-created_at", "id"], name="webhook_user_created"),
            models.Index(fields=["-created_at", "id"], name="webhook_created"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {shown(self.url)}"


@receiver(pre_delete, sender=Webhook)
def lock_first(instance: Webhook, **_others: object) -> None:
    """Lock a webhook before its deliveries are removed with it, whoever removes it.

    See `vms.webhooks.attempts`.
    """
    Webhook.objects.select_for_update().filter(pk=instance.pk).first()


class Delivery(models.Model):
    """One event for one webhook, or a test; its `key` is the `webhook-id` of every attempt.

    `body` is kept while attempts are to come: it holds a link to a file. While one is made,
    `next_attempt_at` is when the worker that makes it counts as lost.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    key = models.CharField(max_length=32, default=new_id, editable=False)
    # Not a foreign key: the log outlives what push keeps.
    event_id = models.BigIntegerField(null=True, blank=True)
    type = models.CharField(max_length=64)
    body = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField("HTTP status", null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(fields=["webhook", "event_id"], name="delivery_once"),
        )
        indexes = (
            models.Index(fields=["webhook", "-id"], name="delivery_webhook"),
            models.Index(
                fields=["next_attempt_at"], name="delivery_due", condition=Q(state="pending")
            ),
            models.Index(fields=["state", "-id"], name="delivery_state"),
            models.Index(fields=["created_at"], name="delivery_created"),
        )

    def __str__(self) -> str:
        return f"{self.pk} {self.type}"

    @property
    def is_test(self) -> bool:
        return self.type == TEST
