"""The pages of Django's admin site on which operators type passwords of their own."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from vms.accounts.models import User
from vms.accounts.services import end_all_sessions
from vms.accounts.throttles import OldPasswordThrottle, SignInAddressThrottle, SignInLoginThrottle
from vms.api.clients import remote_address
from vms.api.throttling import SlotThrottle


class OperatorSignInForm(AdminAuthenticationForm):
    """Counts tries together with those of the API: each try takes from the same allowance."""

    request: HttpRequest

    def clean(self) -> dict[str, Any]:
        tries: list[tuple[SlotThrottle, str | None]] = [
            (SignInAddressThrottle(), remote_address(self.request)),
            (SignInLoginThrottle(), self.cleaned_data.get("username")),
        ]
        refused = [
            throttle for throttle, name in tries if name is not None and not throttle.admits(name)
        ]
        if refused:
            raise ValidationError(too_many(refused[0]))
        return super().clean()


def change_own_password(request: HttpRequest) -> HttpResponse:
    """Serve the page as Django does; a new password ends the operator's sessions of the API."""
    throttle = OldPasswordThrottle()
    if request.method == "POST" and not throttle.admits(str(request.user.pk)):
        return HttpResponse(too_many(throttle), status=HTTPStatus.TOO_MANY_REQUESTS)
    answer = admin.site.password_change(request)
    if isinstance(answer, HttpResponseRedirect) and isinstance(request.user, User):
        end_all_sessions(request.user, timezone.now())
    return answer


def too_many(throttle: SlotThrottle) -> str:
    return f"Too many attempts; try again in {math.ceil(throttle.wait() or 1)} seconds."
