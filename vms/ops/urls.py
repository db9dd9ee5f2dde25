"""Addresses of the start page and of the health check."""

from __future__ import annotations

from django.urls import path

from vms.ops.views import healthz, index, metrics, readyz

urlpatterns = [
    path("", index, name="index"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
