"""Registers the app with Django."""

from django.apps import AppConfig


class PreviewsConfig(AppConfig):
    name = "previews"
    label = "previews"
    verbose_name = "Previews"
