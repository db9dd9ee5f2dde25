"""Addresses of webhooks under /api/v1/."""

from __future__ import annotations

from django.urls import path

from vms.webhooks import views

app_name = "webhooks"

urlpatterns = [
    path("webhooks", views.WebhookListView.as_view(), name="webhooks"),
    path("webhooks/<str:webhook_id>", views.WebhookView.as_view(), name="webhook"),
    path("webhooks/<str:webhook_id>/test", views.WebhookTestView.as_view(), name="webhook-test"),
    path(
        "webhooks/<str:webhook_id>/deliveries",
        views.DeliveryListView.as_view(),
        name="webhook-deliveries",
    ),
]
