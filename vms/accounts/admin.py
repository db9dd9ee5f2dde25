"""Operator pages for users, their sessions and their integration tokens."""

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
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from vms.accounts.admin_lists import (
    GrowingAdmin,
    LookedAt,
    OperatorAdmin,
    newest,
    read_address,
    read_day,
    read_uuid,
    users_like,
)
from vms.accounts.admin_pages import OperatorSignInForm
from vms.accounts.integration import revoke_tokens
from vms.accounts.models import IntegrationToken, Session, User
from vms.accounts.services import end_all_sessions, end_sessions

admin.site.login_form = OperatorSignInForm
admin.site.site_header = admin.site.site_title = "VMS"
admin.site.index_title = "Operator pages"


RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


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
class UserAdmin(OperatorAdmin, BaseUserAdmin):
    form = UserForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    list_display = ("login", "name", "parent", "is_staff", "is_active", "created_at")
    list_select_related = ("parent",)
    list_filter = ("is_staff", "is_active")
    search_fields = ("login", "name")
    ordering = ("login",)
    autocomplete_fields = ("parent",)
    readonly_fields = ("last_login", "created_at", "updated_at", "sessions")
    lookups = ("parent__id__exact",)
    goes_along = "with its sessions, tokens, camera access, downloads and events"
    fieldsets = (
        (None, {"fields": ("login", "password", "can_update_password")}),
        ("Person", {"fields": ("name", "parent")}),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("last_login", "created_at", "updated_at", "sessions")}),
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

    @admin.display
    def sessions(self, user: User) -> str:
        address = reverse("admin:accounts_session_changelist")
        return format_html('<a href="{}?user__id__exact={}">Show</a>', address, user.pk)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let nobody give rights that exceed their own."""
        fields = super().get_readonly_fields(request, obj)
        return fields if is_superuser(request) else (*fields, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and may_touch(request, obj)


def is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def may_touch(request: HttpRequest, user: Any) -> bool:
    """Say whether the operator may write *user*: only a superuser may write a superuser."""
    return user is None or not user.is_superuser or is_superuser(request)


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's signature
        return [("open", "open"), ("ended", "ended")]

    def queryset(self, request: HttpRequest, sessions: Any) -> Any:  # noqa: ARG002 - Django's signature
        now = timezone.now()
        if self.value() == "open":
            return sessions.filter(pk__in=newest(Session.objects.live(now), "-expires_at"))
        if self.value() == "ended":
            return sessions.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=now))
        return sessions


@admin.register(Session)
class SessionAdmin(LookedAt, GrowingAdmin):
    """Sessions are looked at and ended, never written by hand; tokens are never shown."""

    rows_stay = True
    list_display = (
        "user",
        "client",
        "address",
        "state",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_select_related = ("user",)
    list_filter = (OpenFilter, "created_at")
    lookups = ("user__id__exact",)
    search_help_text = "A login or name, an address, a device, a session's id, or a day: 2026-03-10"
    exclude = ("refresh_id",)
    actions = ("end",)

    def find(self, word: str, request: HttpRequest) -> Q:
        if day := read_day(word):
            return Q(created_at__gte=day[0], created_at__lt=day[1])
        if session_id := read_uuid(word):
            return Q(pk=session_id.hex) | Q(device=word)
        if read_address(word):
            return Q(address=word)
        return Q(user_id__in=users_like(word, request)) | Q(device=word)

    @admin.display
    def state(self, session: Session) -> str:
        is_open = session.revoked_at is None and session.expires_at > timezone.now()
        return "open" if is_open else "ended"

    @admin.action(description="End the selected sessions", permissions=["act"])
    def end(self, request: HttpRequest, sessions: Any) -> None:
        ended = end_sessions(sessions, timezone.now())
        self.message_user(request, f"Sessions ended: {ended}.")


@admin.register(IntegrationToken)
class IntegrationTokenAdmin(admin.ModelAdmin):
    """Tokens are looked at and revoked. Who they act for makes them; nobody can see one."""

    list_display = (
        "user",
        "name",
        "allowed",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_select_related = ("user",)
    list_filter = ("revoked_at", "expires_at")
    search_fields = ("=user__login", "name")
    show_full_result_count = False
    exclude = ("digest",)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)

    @admin.display(description="scopes")
    def allowed(self, token: IntegrationToken) -> str:
        return ", ".join(token.scopes)

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: Any) -> None:
        revoked = revoke_tokens(tokens, timezone.now())
        self.message_user(request, f"Tokens revoked: {revoked}.")
