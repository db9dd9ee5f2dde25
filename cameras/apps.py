"""Registers the app with Django."""

from django.apps import AppConfig


class CamerasConfig(AppConfig):
    name = "cameras"
    label = "cameras"
    verbose_name = "Cameras"
