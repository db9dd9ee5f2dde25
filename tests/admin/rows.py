"""Many rows of every table that the operator pages list, as use leaves them behind."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from cameras.models import Camera, CameraAccess, CameraGroup
from tests import factories
from vms.accounts.models import Session, User
from vms.push.models import Event
from vms.webhooks.models import Delivery, Webhook

LISTS = (
    "accounts/user",
    "accounts/session",
    "cameras/cameragroup",
    "cameras/camera",
    "cameras/stream",
    "cameras/cameraaccess",
    "cameras/archivefolder",
    "cameras/segment",
    "downloads/download",
    "exports/exportjob",
    "psim/archivetask",
    "push/event",
    "webhooks/webhook",
    "webhooks/delivery",
)


def add_rows(count: int) -> None:
    """Add *count* rows to each table of LISTS, each row with relations of its own."""
    for number in range(count):
        add_row(f"{Camera.objects.count() + number:04}")


def add_row(name: str) -> None:
    now = timezone.now()
    parent = User.objects.create_user(f"parent{name}", None)
    user = User.objects.create_user(f"user{name}", None, parent=parent)
    Session.objects.create(user=user, refresh_id="0", expires_at=now + timedelta(days=1))
    outer = CameraGroup.objects.create(name=f"Town {name}")
    group = CameraGroup.objects.create(name=f"Street {name}", parent=outer)
    camera = Camera.objects.create(name=f"Yard {name}", group=group)
    CameraAccess.objects.create(user=user, camera=camera)
    stream = factories.stream(camera)
    factories.segment(stream, begin=now - timedelta(hours=1))
    job = factories.job(stream=stream)
    factories.archive_task(factories.download(user, job=job))
    Event.objects.create(user=user, number=1, session_id="0", body={})
    webhook = Webhook.objects.create(user=user, url="https://hooks.example.org/")
    Delivery.objects.create(webhook=webhook, type="archive_generated")
