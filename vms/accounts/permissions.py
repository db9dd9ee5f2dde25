"""Who may use the operator's half of the API."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from vms.accounts.models import IntegrationToken


class IsOperator(BasePermission):
    """Signed in as staff; others who are signed in get 403, strangers 401.

    A program that acts for an operator is none, whatever a view inherits about scopes.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the base's signature
        is_program = isinstance(request.auth, IntegrationToken)
        return bool(request.user.is_authenticated and request.user.is_staff and not is_program)
