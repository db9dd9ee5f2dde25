"""How often somebody may have this server connect to an address of their choice."""

from __future__ import annotations

from datetime import timedelta

from rest_framework.request import Request
from rest_framework.views import APIView

from vms.api.throttling import SlotThrottle


class WebhookThrottle(SlotThrottle):
    """Registrations and tests of one user, together."""

    scope = "webhook"
    limit = 30
    window = timedelta(minutes=10)

    def who(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002 - the base's signature
        return str(request.user.pk)
