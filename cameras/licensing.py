"""What the license says of the cameras there are."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from cameras.models import Camera
from vms.api.errors import LicenseRequired
from vms.api.license import refusal


class IsLicensed(BasePermission):
    """Refuse with 402 when a license is installed that does not allow the Admin API now.

    Stands behind the permission that says who may ask, so that nobody else learns of it.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the base's signature
        reason = refusal(timezone.now(), Camera.objects.count)
        if reason is not None:
            raise LicenseRequired(reason)
        return True
