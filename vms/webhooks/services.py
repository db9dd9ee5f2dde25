"""What can happen to a user's webhooks: they are registered and removed."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from vms.accounts.models import IntegrationToken, User
from vms.webhooks.models import Webhook, WebhookQuerySet


class TooManyWebhooks(Exception):
    """The user has as many webhooks as the operator allows."""


def webhooks_of(user: User, token: IntegrationToken | None) -> WebhookQuerySet:
    """Select what the caller may see: a program its own, a person all of hers."""
    mine = Webhook.objects.filter(user=user)
    return mine if token is None else mine.filter(token=token)


def register(user: User, token: IntegrationToken | None, url: str, now: datetime) -> Webhook:
    """Register an address that was checked; events from now on are sent there.

    Raises:
        TooManyWebhooks: two requests at the same moment cannot both take the last place.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        there = Webhook.objects.filter(user=user).count()
        if there >= settings.VMS["VMS_MAX_WEBHOOKS_PER_USER"]:
            raise TooManyWebhooks
        return Webhook.objects.create(user=user, token=token, url=url, created_at=now)
