"""Registers the app with Django."""

from django.apps import AppConfig


class DownloadsConfig(AppConfig):
    name = "downloads"
    label = "downloads"
    verbose_name = "Downloads"
