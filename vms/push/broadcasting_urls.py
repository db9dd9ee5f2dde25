"""The address pusher-js and Laravel Echo ask for the signature of a subscription."""

from __future__ import annotations

from django.urls import path

from vms.push.views import BroadcastingAuthView

urlpatterns = [path("auth", BroadcastingAuthView.as_view(), name="broadcasting-auth")]
