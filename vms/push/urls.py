"""Addresses under /api/v1/ that clients need before they open a socket."""

from __future__ import annotations

from django.urls import path

from vms.push.views import TicketView, WsUrlView

urlpatterns = [
    path("wsurl", WsUrlView.as_view(), name="wsurl"),
    path("ws-ticket", TicketView.as_view(), name="ws-ticket"),
]
