"""The work: one file made from one stream's archive, and the states it passes through.

Every change of state is one conditional UPDATE whose row count says who won; see
`docs/design/jobs.md` for the diagram.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from cameras.models import Stream
from cameras.timeline import Interval


class ExportJob(models.Model):
    """One file, one stream, one interval, one set of options."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    ACTIVE = (State.QUEUED, State.RUNNING)
    SHARED = (State.QUEUED, State.RUNNING, State.READY)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    stream = models.ForeignKey(Stream, null=True, on_delete=models.SET_NULL, related_name="jobs")
    begin = models.DateTimeField()
    end = models.DateTimeField()
    container = models.CharField(max_length=8, default="mp4")
    cut = models.CharField(max_length=16, default="exact")
    gaps = models.CharField(max_length=16, default="collapse")
    transcode = models.BooleanField(default=False)
    fingerprint = models.CharField(max_length=200, editable=False)

    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    handed_back = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="attempts ended by a worker that stopped"
    )
    owner = models.CharField(max_length=100, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    progress = models.PositiveSmallIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    error_code = models.CharField(max_length=32, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    file = models.CharField(max_length=255, blank=True, help_text="relative to the storage folder")
    size = models.BigIntegerField(null=True, blank=True)
    duration = models.DurationField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    coverage = models.JSONField(null=True, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    mode = models.CharField(max_length=16, blank=True)
    engine = models.CharField(max_length=64, blank=True)

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="who ordered it first: the queue is fair between users",
    )
    request_id = models.CharField(
        max_length=200, blank=True, editable=False, help_text="of who ordered it first, for logs"
    )
    node = models.CharField(max_length=32, blank=True, help_text="as the stream's; whose workers")
    turn = models.FloatField(default=0, editable=False, help_text="the least is made next")
    cost = models.FloatField(
        default=1, editable=False, help_text="how far it moves its user's next one back"
    )
    reserved = models.BigIntegerField(
        default=0, editable=False, help_text="bytes this attempt will take of the storage"
    )

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    queued_at = models.DateTimeField(default=timezone.now)
    rests_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="no attempt before; empty: at once"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            # Two requests for the same thing share one job while it is being made or is there.
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=Q(state__in=("queued", "running", "ready"), cancel_requested=False),
                name="job_shared_once",
            ),
            models.CheckConstraint(condition=Q(end__gt=F("begin")), name="job_has_length"),
        )
        indexes = (
            models.Index(fields=["state", "expires_at"], name="job_state_expires"),
            models.Index(fields=["fingerprint"], name="job_fingerprint"),
            models.Index(fields=["-created_at", "-id"], name="job_created"),
            models.Index(fields=["state", "node", "turn", "created_at"], name="job_queue"),
            models.Index(fields=["node", "started_at"], name="job_started"),
            models.Index(fields=["state", "-created_at", "-id"], name="job_state_created"),
        )

    # Its place among the queued ones; filled in where it is asked for: `exports.turns`.
    position: int | None = None

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"

    @property
    def tries(self) -> int:
        """The attempts that count: not those a worker that was told to stop handed back."""
        return self.attempt - self.handed_back

    @property
    def interval(self) -> Interval:
        return Interval(self.begin, self.end)
