"""Registers the app with Django."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "vms.api"
    label = "api"
    verbose_name = "API"
