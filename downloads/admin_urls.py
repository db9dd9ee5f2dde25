"""Addresses of everybody's downloads under /api/admin/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from downloads.admin_views import AdminDownloadViewSet

app_name = "downloads-admin"

router = SimpleRouter(trailing_slash=False)
router.register("downloads", AdminDownloadViewSet, basename="download")
urlpatterns = router.urls
