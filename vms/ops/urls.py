"""Addresses of the start page and of what watches over the server."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from vms.ops.views import healthz, index, metrics, readyz

# All are only looked at, so a foreign page forges nothing: what is not GET is told so, with 405.
urlpatterns = [
    path("", csrf_exempt(index), name="index"),
    path("healthz", csrf_exempt(healthz), name="healthz"),
    path("readyz", csrf_exempt(readyz), name="readyz"),
    path("metrics", csrf_exempt(metrics), name="metrics"),
]
