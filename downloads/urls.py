"""Addresses of the downloads API, below `/api/v1/` and again below `/api/v1/users/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from downloads.views import DownloadViewSet

app_name = "downloads"

router = SimpleRouter(trailing_slash=False)
router.register("downloads", DownloadViewSet, basename="download")
urlpatterns = router.urls
