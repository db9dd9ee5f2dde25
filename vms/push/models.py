"""The append-only log of what was pushed, so that a client that was away can catch up."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Event(models.Model):
    """One message for one user. Ids grow; a client remembers the last one it saw.

    `session_id` names the session that ordered what the event is about; that session gets it as
    `TokenPush`, the user's other sessions as `UserPush`. It is not a foreign key: this app knows
    sessions only by name, and a session's end must not remove what happened.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session_id = models.CharField(max_length=32, blank=True)
    body = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (
            models.Index(fields=["user", "id"], name="event_user_id"),
            models.Index(fields=["created_at"], name="event_created"),
        )

    def __str__(self) -> str:
        return f"{self.pk} for {self.user_id}"
