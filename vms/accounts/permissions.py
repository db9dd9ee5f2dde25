"""Who may use the operator's half of the API."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class IsOperator(BasePermission):
    """Signed in as staff; others who are signed in get 403, strangers 401."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the base's signature
        return bool(request.user.is_authenticated and request.user.is_staff)
