"""The Celery application: workers for the queues `exports` and `default`, and beat."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import setup_logging, worker_init
from django_structlog.celery.steps import DjangoStructLogInitStep

from vms.ops.footprint import share_one_arena

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vms.settings")

app = Celery("vms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_kwargs: object) -> None:
    """Leave logging as Django's settings made it; Celery would install its own handlers."""


@worker_init.connect
def stay_small(**_kwargs: object) -> None:
    """Have the worker's processes, forked later, keep no memory for each thread of a decoder."""
    share_one_arena()
