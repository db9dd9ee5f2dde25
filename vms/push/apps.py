"""Registers the app with Django."""

from django.apps import AppConfig


class PushConfig(AppConfig):
    name = "vms.push"
    label = "push"
    verbose_name = "Push"
