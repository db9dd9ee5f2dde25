"""What is recorded and where: cameras, their streams, the archive's segments, who may see them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from cameras.timeline import Interval

# A part of a queue's name.
NODE_NAME = r"^[a-z0-9][a-z0-9_-]*$"
EARLIEST = datetime.min.replace(tzinfo=UTC)


class CameraGroup(models.Model):
    name = models.CharField(max_length=255)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class Camera(models.Model):
    """A place that is filmed; what it delivers are its streams."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    name = models.CharField(max_length=255)
    external_id = models.CharField(
        max_length=64,
        blank=True,
        help_text="what another system calls it: the CameraId of PSIM calls; empty: nothing",
    )
    group = models.ForeignKey(
        CameraGroup, null=True, blank=True, on_delete=models.SET_NULL, related_name="cameras"
    )
    is_public = models.BooleanField(default=False, help_text="anybody may watch it")
    archive_storage_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="empty: as VMS_ARCHIVE_DAYS says; 0: for ever"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~Q(external_id=""),
                name="camera_external_once",
                violation_error_message="Another camera has this external id.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CameraAccess(models.Model):
    """A user may see a camera; `blocked` keeps the row but refuses the footage."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        BLOCKED = "blocked"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="camera_access"
    )
    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="access")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "camera access"
        constraints = (
            models.UniqueConstraint(fields=["user", "camera"], name="camera_access_once"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {self.status} {self.camera_id}"


class Stream(models.Model):
    """One picture a camera delivers, recorded into one archive.

    `url` may hold credentials: it is never serialised, logged or shown with them; use
    `shown_url`.
    """

    class Type(models.TextChoices):
        HIGH = "high"
        LOW = "low"

    class Status(models.TextChoices):
        ACTIVE = "active"
        INACTIVE = "inactive"

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="streams")
    type = models.CharField(max_length=8, choices=Type.choices, default=Type.HIGH)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    url = models.CharField(
        max_length=1000, blank=True, help_text="rtsp:, http:, file: or demo:; empty: not recorded"
    )
    is_enabled = models.BooleanField(default=True)
    node = models.CharField(
        max_length=32,
        blank=True,
        validators=[RegexValidator(NODE_NAME, "Use small letters, digits, - and _.")],
        help_text="machine its archive lies on, whose workers make its files; empty: any worker",
    )
    status = models.CharField(max_length=16, choices=Status.choices, null=True, blank=True)  # noqa: DJ001 - null on the wire too
    has_sound = models.BooleanField(default=False)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    disconnections_count = models.PositiveIntegerField(default=0)
    longest_segment = models.DurationField(
        default=timedelta, help_text="bounds the search for segments that touch an interval"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("camera_id", "type")
        constraints = (
            models.UniqueConstraint(fields=["camera", "type"], name="stream_camera_type_once"),
        )

    def __str__(self) -> str:
        return f"{self.camera_id} {self.type}"


class ArchiveFolder(models.Model):
    """A folder whose files are segments of one stream, and how their names tell when they begin."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="folders")
    path = models.CharField(max_length=1000, help_text="absolute; read in place, never written")
    layout = models.CharField(
        max_length=255, help_text="vms, mediamtx, frigate or a strftime pattern"
    )
    is_own = models.BooleanField(
        default=False, help_text="our recorder writes it; retention deletes only here"
    )
    is_watched = models.BooleanField(default=False, help_text="scanned again and again")
    scanned_at = models.DateTimeField(null=True, blank=True)
    scan_lease_until = models.DateTimeField(
        null=True,
        editable=False,
        help_text="nobody else follows it before; in the past: when it last had its turn",
    )
    scan_resumes_after = models.CharField(
        max_length=500, blank=True, editable=False, help_text="where a scan ran out of time"
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["stream", "path"], name="archive_folder_once"),
        )

    def __str__(self) -> str:
        return f"{self.stream_id} {self.layout}"


class SegmentQuerySet(models.QuerySet["Segment"]):
    def touching(self, interval: Interval, longest: timedelta) -> SegmentQuerySet:
        """Segments with at least an instant in *interval*, by begin.

        *longest* is the stream's longest segment: it bounds how far back one can begin, so the
        index answers without reading the stream's whole past.
        """
        since = interval.begin - min(longest, interval.begin - EARLIEST)
        return self.filter(
            begin__lt=interval.end, begin__gt=since, end__gt=interval.begin
        ).order_by("begin", "id")


class Segment(models.Model):
    """One closed file of a stream's archive: the pictures of `[begin, end)`.

    `path` is relative to its folder. `size` and `mtime_ns` tell whether the file is still the one
    that was indexed. `config` is a hash of codecs and their parameters: segments that share it can
    be joined without thought.
    """

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="segments")
    folder = models.ForeignKey(ArchiveFolder, on_delete=models.CASCADE, related_name="segments")
    path = models.CharField(max_length=500)
    begin = models.DateTimeField()
    end = models.DateTimeField()
    size = models.BigIntegerField()
    mtime_ns = models.BigIntegerField()
    video_codec = models.CharField(max_length=32)
    audio_codec = models.CharField(max_length=32, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    config = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["folder", "path"], name="segment_file_once"),
            models.CheckConstraint(
                condition=Q(end__gt=models.F("begin")), name="segment_has_length"
            ),
        )
        # `end` is in it so that what is recorded is told from the index alone.
        indexes = (models.Index(fields=["stream", "begin", "end"], name="segment_stream_span"),)

    def __str__(self) -> str:
        return f"{self.stream_id} {self.begin:%Y-%m-%d %H:%M:%S}"

    @property
    def interval(self) -> Interval:
        return Interval(self.begin, self.end)
