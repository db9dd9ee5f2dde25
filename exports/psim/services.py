"""What PSIM clients do with their tasks. Each is a download, made, kept and told like any other."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from django.db import transaction
from django.http import Http404

from downloads import services as downloads
from downloads.serializers import Order, over_quota
from exports.options import Options
from exports.psim.bodies import Asked
from exports.psim.cameras import choose_footage, find_camera
from exports.psim.errors import NO_TASK, Refused, missing
from exports.psim.models import ArchiveTask
from vms.accounts.models import User

# A task without a download says no more than that it was deleted; so long it says that.
DELETED_KEPT = timedelta(days=30)


def create_task(
    user: User, session_id: str, origin: str, asked: Asked, now: datetime
) -> ArchiveTask:
    """Order a file; all that can be wrong is found before anything is written.

    Footage whose codec changes midway is encoded anew: these clients have no word to allow it.

    Raises:
        Refused: with the status and why.
    """
    camera = find_camera(user, asked.camera_id)
    stream, interval = choose_footage(camera, asked, now)
    order = Order(interval, ((camera, stream),), Options(asked.container, transcode=True))
    with transaction.atomic():
        downloads.hold_orders(user)
        if message := over_quota(user, 1):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, message)
        [download] = downloads.create_downloads(
            user=user, session_id=session_id, origin=origin, order=order, now=now
        )
        return ArchiveTask.objects.create(
            user=user,
            download=download,
            camera_id=asked.camera_id,
            begin=interval.begin,
            end=interval.end,
            container=asked.container,
            created_at=now,
        )


def find_task(user: User, text: str) -> ArchiveTask:
    """Load a task of *user*, with its download and job.

    Raises:
        Refused: there is none, or it is somebody else's: the same.
    """
    task_id = read_id(text)
    tasks = ArchiveTask.objects.select_related("download__job")
    task = tasks.filter(task_id=task_id, user=user).first() if task_id else None
    if task is None:
        raise missing(NO_TASK)
    return task


def read_id(text: str) -> UUID | None:
    """Read a task's id; None for what cannot be one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def delete_task(task: ArchiveTask, now: datetime) -> None:
    """End a task: its making is cancelled, its file goes; done twice it is done."""
    if task.download is not None:
        with suppress(Http404):  # somebody else did so at this moment
            downloads.delete(task.download, now)
        task.download = None


def forget_deleted(now: datetime) -> int:
    """Remove old tasks whose download is gone; returns how many."""
    deleted = ArchiveTask.objects.filter(download=None, created_at__lt=now - DELETED_KEPT)
    return deleted.delete()[0]
