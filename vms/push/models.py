"""The append-only log of what was pushed, so that a client that was away can catch up."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Feed(models.Model):
    """How far the numbers of a user's events are; its row is locked while one is recorded."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    last = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user_id} up to {self.last}"


class Event(models.Model):
    """One message for one user. A client remembers the last `number` it saw.

    The numbers of a user's events are 1, 2, 3 ... without holes, in the order in which they were
    committed, and never used again: whoever has all up to 41 and hears of 43 knows what is missing.

    `session_id` names the session that ordered what the event is about; that session gets it as
    `TokenPush`, the user's other sessions as `UserPush`. It is not a foreign key: this app knows
    sessions only by name, and a session's end must not remove what happened.

    `sent_at` is empty until sockets and subscribers were told.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveBigIntegerField()
    session_id = models.CharField(max_length=32, blank=True)
    body = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "number"], name="event_user_number"),
        )
        indexes = (
            models.Index(fields=["created_at"], name="event_created"),
            models.Index(fields=["id"], name="event_unsent", condition=models.Q(sent_at=None)),
        )

    def __str__(self) -> str:
        return f"{self.number} for {self.user_id}"
