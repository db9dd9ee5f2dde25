"""Who uses the server: users, the sessions behind their access tokens, tokens of programs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    def create_user(self, login: str, password: str | None = None, **fields: Any) -> User:
        """Create a user; without a password nobody can sign in as this user."""
        if not login:
            raise ValueError("a user needs a login")
        user = self.model(login=login, name=fields.pop("name", "") or login, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, login: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(login, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person or a client of the server; a *sub-user* has a parent."""

    login = models.CharField(max_length=150, unique=True)
    name = models.CharField(max_length=255, blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="sub_users"
    )
    can_update_password = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("operator", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    USERNAME_FIELD = "login"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        ordering = ("login",)

    def __str__(self) -> str:
        return self.login


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self, now: datetime) -> SessionQuerySet:
        """Sessions whose tokens are still accepted at *now*."""
        return self.filter(revoked_at=None, expires_at__gt=now)


def new_session_id() -> str:
    return uuid.uuid4().hex


class Session(models.Model):
    """One signed-in device. Its id is the `sid` claim of its tokens and names its push channel.

    Of the refresh tokens ever given out for a session only the one whose id is `refresh_id` is
    good; an older one that turns up again means it was stolen, and ends the session.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_session_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    refresh_id = models.CharField(max_length=32)
    client = models.CharField("X-Client", max_length=64, blank=True)
    device = models.CharField("X-UUID", max_length=128, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        indexes = (
            models.Index(fields=["user", "-created_at"], name="session_user_created"),
            # Each sign-in counts those that are open; the user's whole past is no part of that.
            models.Index(
                fields=["user", "-created_at", "id"],
                name="session_user_open",
                condition=models.Q(revoked_at=None),
            ),
            # What the operators' list is ordered, narrowed and searched by.
            models.Index(fields=["-created_at", "id"], name="session_created"),
            models.Index(fields=["expires_at"], name="session_expires"),
            models.Index(fields=["address"], name="session_address"),
            models.Index(fields=["device"], name="session_device"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {self.client or 'client'} {self.created_at:%Y-%m-%d %H:%M}"


class Scope(models.TextChoices):
    """What an integration token may do; nothing beyond."""

    LINKS = "links"
    DOWNLOADS = "downloads"
    WEBHOOKS = "webhooks"


class IntegrationTokenQuerySet(models.QuerySet["IntegrationToken"]):
    def live(self, now: datetime) -> IntegrationTokenQuerySet:
        """Tokens that are still accepted at *now*, as far as they themselves decide it."""
        unending = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        return self.filter(unending, revoked_at=None)


class IntegrationToken(models.Model):
    """A long-lived token of a program that acts for a user, in its `scopes` only.

    The token itself is kept by nobody but the program: the row has its digest.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_session_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="integration_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = IntegrationTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "id")
        indexes = (
            models.Index(fields=["user", "-created_at", "id"], name="integration_user_created"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {self.name}"

    def allows(self, scope: str | None) -> bool:
        return scope is not None and scope in self.scopes
