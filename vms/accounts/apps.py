"""Registers the app with Django."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "vms.accounts"
    label = "accounts"
    verbose_name = "Accounts"
