"""Every address the server answers."""

from __future__ import annotations

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from vms.accounts.admin_pages import change_own_password

handler400 = "vms.api.errors.bad_request"
handler403 = "vms.api.errors.forbidden"
handler404 = "vms.api.errors.not_found"
handler500 = "vms.api.errors.server_error"

urlpatterns = [
    path("", include("vms.ops.urls")),
    path("", include("downloads.storage_urls")),
    path("", include("previews.archive_urls")),
    path("", include("previews.preview_urls")),
    path("", include("exports.psim.urls")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path(
        "admin/password_change/",
        admin.site.admin_view(change_own_password, cacheable=True),
    ),
    path("admin/", admin.site.urls),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs",
        csp_update({"style-src": [UNSAFE_INLINE]})(
            SpectacularSwaggerSplitView.as_view(url_name="schema")
        ),
        name="docs",
    ),
    path("api/v1/", include("vms.accounts.urls")),
    path("api/v1/", include("vms.push.urls")),
    path("api/v1/", include("vms.webhooks.urls")),
    path("api/v1/", include("cameras.urls")),
    path("api/v1/", include("downloads.urls")),
    path("api/v1/users/", include(("downloads.urls", "downloads"), namespace="users")),
    path("api/admin/v1/", include("vms.accounts.admin_urls")),
    path("api/admin/v1/", include("downloads.admin_urls")),
    path("broadcasting/", include("vms.push.broadcasting_urls")),
]
