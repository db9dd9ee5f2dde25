"""Addresses of links to the archive, and of the calls that give them out."""

from __future__ import annotations

from django.urls import path, re_path

from previews.archive_links import ArchiveLinksView, CameraLinkView
from previews.archive_views import serve_archive

urlpatterns = [
    re_path(r"^archive/(?P<link>.+)$", serve_archive, name="archive-link"),
    path("api/v1/cameras/archive", ArchiveLinksView.as_view(), name="archive-links"),
    re_path(
        r"^api/v1/cameras/(?P<pk>[0-9]+)/archive/link$",
        CameraLinkView.as_view(),
        name="camera-archive-link",
    ),
]
