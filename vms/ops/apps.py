"""Registers the app and its system checks with Django."""

from importlib import import_module

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "vms.ops"
    label = "ops"
    verbose_name = "Operations"

    def ready(self) -> None:
        import_module("vms.ops.checks")
