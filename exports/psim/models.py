"""What a PSIM client knows by an id of its own: tasks and tokens."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from downloads.models import Download

# Before the file can be fetched nothing more is shown, however near it is.
ALMOST = 99


class ArchiveTask(models.Model):
    """A PSIM client's name for one download, and what it said when it ordered it.

    The download is a line of its owner's history like any other; without it the task was deleted.
    `task_id` opens the file to whoever has it, so neither logs nor operator pages show it.
    """

    task_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="archive_tasks"
    )
    download = models.OneToOneField(
        Download, null=True, on_delete=models.SET_NULL, related_name="archive_task"
    )
    camera_id = models.JSONField(help_text="CameraId as it was sent, text or number")
    begin = models.DateTimeField()
    end = models.DateTimeField()
    container = models.CharField(max_length=8)
    percents = models.PositiveSmallIntegerField(
        default=0, help_text="most ever shown: another attempt at the file begins anew"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=["-created_at", "-id"], name="task_created"),)

    def __str__(self) -> str:
        return f"{self.camera_id} {self.begin:%Y-%m-%d %H:%M:%S}"

    def advance(self, percents: int) -> int:
        """Note how far the file is; returns the most that was ever shown."""
        percents = min(percents, ALMOST)
        if percents > self.percents:
            ArchiveTask.objects.filter(pk=self.pk, percents__lt=percents).update(percents=percents)
            self.percents = percents
        return self.percents


class PsimToken(models.Model):
    """The one token of a user; the token itself is kept by nobody but its client.

    `password_hash` stands for the password it was given for: another one ends it.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="psim_token",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    password_hash = models.CharField(max_length=64, editable=False)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.user_id} until {self.expires_at:%Y-%m-%d %H:%M}"
