"""Registers the app with Django."""

from django.apps import AppConfig


class DownloadsConfig(AppConfig):
    name = "downloads"
    label = "downloads"
    verbose_name = "Downloads"

    def ready(self) -> None:
        """Tell owners of the end of their exports; needs the models, which are there by now."""
        from downloads.notifications import Owners
        from exports import endings

        endings.register(Owners())
