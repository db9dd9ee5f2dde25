"""Registers the app, its system checks and Celery with Django."""

from importlib import import_module

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "vms.ops"
    label = "ops"
    verbose_name = "Operations"

    def ready(self) -> None:
        import_module("vms.ops.checks")
        # Tasks are queued by way of this application, in every process that has Django. Renderers
        # have none, and are spared it.
        import_module("vms.celery")
