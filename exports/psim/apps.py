"""Registers the app with Django."""

from django.apps import AppConfig


class PsimConfig(AppConfig):
    name = "exports.psim"
    label = "psim"
    verbose_name = "Axxon PSIM"
