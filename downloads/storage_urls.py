"""Addresses of finished files."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from downloads.storage_views import serve_file

# A link is all a client has: no cookie, so nothing to forge; a wrong method is just 405.
urlpatterns = [
    path("storage/<str:secret>/<str:name>", csrf_exempt(serve_file), name="storage-file")
]
