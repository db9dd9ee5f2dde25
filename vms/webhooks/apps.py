"""Registers the app with Django, and with push, whose events it sends on."""

from importlib import import_module

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "vms.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        recording = import_module("vms.webhooks.recording")
        import_module("vms.push.subscribers").subscribe(recording.record_deliveries)
