"""Addresses of accounts under /api/admin/v1/."""

from __future__ import annotations

from django.urls import path

from vms.accounts import views

app_name = "accounts-admin"

urlpatterns = [
    path("auth/token", views.OperatorTokenView.as_view(), name="token"),
]
