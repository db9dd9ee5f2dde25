"""Addresses of the cameras API, below `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from cameras.views import CameraViewSet

app_name = "cameras"

router = SimpleRouter(trailing_slash=False)
router.register("cameras", CameraViewSet, basename="camera")
urlpatterns = router.urls
