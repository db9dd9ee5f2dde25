"""Operator pages for users and their sessions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    UserChangeForm,
)
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from vms.accounts.admin_pages import OperatorSignInForm
from vms.accounts.models import Session, User
from vms.accounts.services import end_all_sessions, end_sessions

admin.site.login_form = OperatorSignInForm


class PasswordForm(AdminPasswordChangeForm):
    """A new password for somebody; whoever signed in with the old one is out."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        with transaction.atomic():
            user: User = super().save(commit)
            end_all_sessions(user, timezone.now())
        return user


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("login", "name", "parent")


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    form = UserForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    list_display = ("login", "name", "parent", "is_staff", "is_active", "created_at")
    list_select_related = ("parent",)
    list_filter = ("is_staff", "is_active")
    search_fields = ("login", "name")
    ordering = ("login",)
    autocomplete_fields = ("parent",)
    readonly_fields = ("last_login", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("login", "password", "can_update_password")}),
        ("Person", {"fields": ("name", "parent")}),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("login", "name", "parent", "usable_password", "password1", "password2"),
            },
        ),
    )


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin):
    """Sessions are looked at and ended, never written by hand; tokens are never shown."""

    list_display = (
        "user",
        "client",
        "address",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_select_related = ("user",)
    list_filter = ("client", "revoked_at")
    search_fields = ("user__login", "user__name", "device", "address")
    exclude = ("refresh_id",)
    actions = ("end",)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)

    @admin.action(description="End the selected sessions", permissions=["end"])
    def end(self, request: HttpRequest, sessions: Any) -> None:
        ended = end_sessions(sessions, timezone.now())
        self.message_user(request, f"Sessions ended: {ended}.")
