"""A user's history of exports. The history outlives the file."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from cameras.models import CameraAccess, Stream
from exports.models import ExportJob
from vms.accounts.models import Session

# The words clients know for a job's states.
STATUS: dict[str, str] = {
    ExportJob.State.QUEUED: "queued",
    ExportJob.State.RUNNING: "in progress",
    ExportJob.State.READY: "ready",
    ExportJob.State.FAILED: "failed",
    ExportJob.State.CANCELLED: "cancelled",
    ExportJob.State.EXPIRED: "expired",
}


def new_secret() -> str:
    """Make the unguessable part of a link: 128 bits."""
    return secrets.token_urlsafe(16)


def link_works(now: datetime) -> models.Q:
    """Say in SQL that a line is a link to the archive that works at *now*.

    As those who check the link itself say it: the session goes on, and its user may watch.
    """
    sessions = Session.objects.live(now).filter(pk=models.OuterRef("session_id"))
    access = CameraAccess.objects.filter(
        user=models.OuterRef("user"), camera=models.OuterRef("stream__camera")
    )
    watches = models.Q(user__is_staff=True) | (
        models.Q(stream__camera__is_public=True)
        | models.Exists(access.filter(status=CameraAccess.Status.ACTIVE))
    ) & ~models.Exists(access.filter(status=CameraAccess.Status.BLOCKED))
    return (
        ~models.Q(link="")
        & models.Q(cancelled_at=None, expires_at__gt=now, job__state=ExportJob.State.EXPIRED)
        & models.Exists(sessions.filter(user__is_active=True))
        & watches
    )


class DownloadQuerySet(models.QuerySet["Download"]):
    def with_related(self) -> DownloadQuerySet:
        """Load what a record shows of other tables in the same query."""
        return self.select_related("job", "stream", "user").annotate(
            link_works=link_works(timezone.now())
        )

    def of(self, user_id: int) -> DownloadQuerySet:
        """Lines of this user's own history."""
        return self.filter(user_id=user_id)

    def in_progress(self) -> DownloadQuerySet:
        return self.filter(cancelled_at=None, job__state__in=ExportJob.ACTIVE)

    def with_link(self, now: datetime) -> DownloadQuerySet:
        """Lines that are links straight to the archive and work at *now*."""
        return self.filter(link_works(now))

    def with_file(self, now: datetime) -> DownloadQuerySet:
        """Lines whose link works at *now*."""
        later = models.Q(expires_at__gt=now) | models.Q(expires_at=None, job__expires_at__gt=now)
        return self.filter(later, cancelled_at=None, job__state=ExportJob.State.READY)


class Download(models.Model):
    """One line of a user's history: what was asked for, and the job that makes or made its file.

    Several lines may share one job. Each has its own secret and its own `expires_at`; the file
    goes with the last of them. `announced_at` is empty while the owner has not been told how the
    current job ended.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="downloads"
    )
    session_id = models.CharField(
        max_length=32, blank=True, help_text="the session that ordered it"
    )
    origin = models.CharField(
        max_length=300, blank=True, help_text="scheme and host of links sent without a request"
    )
    stream = models.ForeignKey(
        Stream, null=True, on_delete=models.SET_NULL, related_name="downloads"
    )
    job = models.ForeignKey(ExportJob, on_delete=models.PROTECT, related_name="downloads")
    name = models.CharField(max_length=400)
    type = models.CharField(max_length=8, default="mp4")
    begin = models.DateTimeField()
    end = models.DateTimeField()
    link = models.CharField(
        max_length=2500,
        blank=True,
        editable=False,
        help_text="path of a link straight to the archive: then no file was made",
    )
    secret = models.CharField(max_length=32, unique=True, default=new_secret, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    announced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DownloadQuerySet.as_manager()

    # Filled in by `with_related`.
    link_works: bool | None = None

    class Meta:
        ordering = ("-created_at", "id")
        indexes = (
            models.Index(fields=["user", "-created_at", "id"], name="download_user_created"),
            models.Index(fields=["-created_at", "id"], name="download_created"),
            models.Index(
                fields=["job"], name="download_unannounced", condition=models.Q(announced_at=None)
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def goes_at(self) -> datetime | None:
        """When the link dies: this line's own time, else (not announced yet) the file's."""
        return self.expires_at or self.job.expires_at

    def status(self, now: datetime) -> str:
        """Return the state as clients know it, of this line, not only of the shared job."""
        if self.cancelled_at is not None:
            return "cancelled"
        if self.has_link(now):
            return "ready"
        if self.job.state == ExportJob.State.READY and not self.is_file_exists(now):
            return "expired"
        return STATUS[self.job.state]

    def is_file_exists(self, now: datetime) -> bool:
        """Say whether the link works; the view that serves it asks the same question."""
        return (
            self.cancelled_at is None
            and self.job.state == ExportJob.State.READY
            and self.goes_at is not None
            and self.goes_at > now
        )

    def has_link(self, now: datetime) -> bool:
        """Say whether this line is a link straight to the archive, and works.

        Lists have asked already, together with all else (`with_related`).
        """
        if not self.link:
            return False
        if self.link_works is None:
            self.link_works = Download.objects.with_link(now).filter(pk=self.pk).exists()
        return self.link_works and self.expires_at is not None and self.expires_at > now

    @property
    def in_progress(self) -> bool:
        return self.cancelled_at is None and self.job.state in ExportJob.ACTIVE
