"""Addresses of links to previews, and of the calls that give them out."""

from __future__ import annotations

from django.urls import path, re_path

from previews.preview_links import CameraPreviewView, PreviewLinksView
from previews.preview_views import serve_preview

urlpatterns = [
    re_path(r"^preview/(?P<link>.*)$", serve_preview, name="preview-link"),
    path("api/v1/cameras/preview", PreviewLinksView.as_view(), name="preview-links"),
    re_path(
        r"^api/v1/cameras/(?P<pk>[0-9]+)/preview$",
        CameraPreviewView.as_view(),
        name="camera-preview-link",
    ),
]
