"""Addresses of the PSIM calls, at the root of the server; none where `VMS_PSIM_API` is off."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from exports.psim.files import download
from exports.psim.views import CreateTaskView, DeleteTaskView, TaskStatusView, TokenView

CALLS: list[URLPattern] = [
    path("createarchivetask", CreateTaskView.as_view(), name="psim-create"),
    path("getarchivetaskstatus", TaskStatusView.as_view(), name="psim-status"),
    path("deletearchivetask", DeleteTaskView.as_view(), name="psim-delete"),
    # An id is all a client has: no cookie, so nothing to forge.
    path("download", csrf_exempt(download), name="psim-download"),
    path("token", TokenView.as_view(), name="psim-token"),
]
urlpatterns = CALLS if settings.VMS["VMS_PSIM_API"] else []
