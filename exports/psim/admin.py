"""Archive tasks on the operator pages: whose they are and how they go. Their ids open files."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from exports.psim.answers import state_of
from exports.psim.models import ArchiveTask
from exports.psim.services import delete_task
from vms.accounts.admin_lists import (
    GrowingAdmin,
    LookedAt,
    read_day,
    read_number,
    read_uuid,
    users_like,
)

MADE = ("state", "progress", "reason", "created_at")


@admin.register(ArchiveTask)
class ArchiveTaskAdmin(LookedAt, GrowingAdmin):
    list_display = (
        "id",
        "user",
        "camera",
        "begin",
        "end",
        "container",
        "state",
        "progress",
        "reason",
        "created_at",
    )
    list_select_related = ("user", "download__job", "download__stream__camera")
    list_filter = ("container", "created_at")
    lookups = ("user__id__exact",)
    search_help_text = (
        "A task's number or its ArchiveTaskId, a day such as 2026-03-10, "
        "or a part of a login or a user's name"
    )
    fields = ("user", "camera", "camera_id", "begin", "end", "container", *MADE)
    readonly_fields = ("camera", *MADE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ArchiveTask]:
        """Leave out what no page of tasks shows, and may be long."""
        tasks = super().get_queryset(request)
        return tasks.defer("download__job__coverage", "download__job__warnings")

    def find(self, word: str, request: HttpRequest) -> Q:
        if day := read_day(word):
            return Q(created_at__gte=day[0], created_at__lt=day[1])
        if task_id := read_uuid(word):
            return Q(task_id=task_id)
        found = Q(user_id__in=users_like(word, request))
        number = read_number(word)
        return found if number is None else found | Q(pk=number)

    @admin.display
    def camera(self, task: ArchiveTask) -> str:
        stream = task.download.stream if task.download else None
        return stream.camera.name if stream else "-"

    @admin.display
    def state(self, task: ArchiveTask) -> str:
        return str(state_of(task, timezone.now())[0])

    @admin.display
    def progress(self, task: ArchiveTask) -> str:
        job = task.download.job if task.download else None
        return f"{job.progress} %" if job else "-"

    @admin.display
    def reason(self, task: ArchiveTask) -> str:
        job = task.download.job if task.download else None
        return (job.error_message if job else "") or "-"

    def delete_model(self, request: HttpRequest, obj: ArchiveTask) -> None:  # noqa: ARG002 - Django's signature
        delete_task(obj, timezone.now())
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ArchiveTask]) -> None:
        for task in queryset:
            self.delete_model(request, task)
