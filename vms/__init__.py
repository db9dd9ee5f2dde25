"""Wiring of the project (files here) and its foundations (sub-packages)."""

from vms.celery import app as celery_app

__all__ = ["celery_app"]
