"""Addresses of accounts under /api/v1/."""

from __future__ import annotations

from django.urls import path

from vms.accounts import integration_views, views

app_name = "accounts"

urlpatterns = [
    path("token", views.TokenView.as_view(), name="token"),
    path("token/refresh", views.RefreshView.as_view(), name="token-refresh"),
    path("sessions", views.SessionListView.as_view(), name="sessions"),
    path("sessions/<str:session_id>", views.SessionView.as_view(), name="session"),
    path(
        "integration-tokens",
        integration_views.IntegrationTokenListView.as_view(),
        name="integration-tokens",
    ),
    path(
        "integration-tokens/<str:token_id>",
        integration_views.IntegrationTokenView.as_view(),
        name="integration-token",
    ),
    path("user", views.UserView.as_view(), name="user"),
    path("user/password", views.PasswordView.as_view(), name="password"),
]
