"""The start page, and what watches over the server asks it."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from vms.api.clients import covers, remote_address
from vms.ops import readiness
from vms.ops.metrics import exposition


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "index.html")


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 whenever the process serves; whether its database does is not asked here."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Say of every part whether it does its work; 503 when one does not."""
    parts = readiness.readiness()
    is_ready = all(found == readiness.OK for found in parts.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "not ready", "parts": parts},
        status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus, from the addresses of VMS_METRICS_ALLOWED."""
    if not may_measure(request):
        raise PermissionDenied
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def may_measure(request: HttpRequest) -> bool:
    address = remote_address(request)
    # A proxy that is not trusted stands before us: whose address it is we do not know.
    is_hidden = "X-Forwarded-For" in request.headers and address == request.META.get("REMOTE_ADDR")
    return (
        address is not None
        and not is_hidden
        and any(covers(network, address) for network in settings.VMS["VMS_METRICS_ALLOWED"])
    )
