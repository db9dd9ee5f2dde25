"""Downloads on the operator pages: how they go, and to repeat, cancel and delete them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from cameras.admin import cameras_like
from cameras.models import Camera, Stream
from downloads import services
from downloads.models import Download
from exports.models import ExportJob
from vms.accounts.admin_lists import (
    GrowingAdmin,
    LookedAt,
    count_of,
    newest,
    read_day,
    read_number,
    read_uuid,
    users_like,
)
from vms.api.errors import InvalidData, dotted_errors


class JobStateFilter(admin.SimpleListFilter):
    title = "state of the job (newest 10,000)"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's signature
        return list(ExportJob.State.choices)

    def queryset(self, request: HttpRequest, downloads: Any) -> Any:  # noqa: ARG002 - Django's signature
        if self.value() not in ExportJob.State.values:
            return downloads
        jobs = ExportJob.objects.filter(state=self.value())
        return downloads.filter(job_id__in=newest(jobs, "-created_at", "-pk"))


@admin.register(Download)
class DownloadAdmin(LookedAt, GrowingAdmin):
    list_display = (
        "id",
        "name",
        "user",
        "state",
        "progress",
        "reason",
        "size",
        "link_state",
        "created_at",
    )
    list_select_related = ("user", "job")
    list_filter = (JobStateFilter, "created_at")
    lookups = ("user__id__exact", "job__id__exact", "stream__id__exact")
    search_help_text = (
        "A download's number, a job's id, a day such as 2026-03-10, or a part of a login, "
        "a user's name or a camera's name; quotes keep words together"
    )
    readonly_fields = ("state", "progress", "reason", "size", "link_state", "created_at")
    actions = ("repeat", "cancel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Download]:
        """Leave out what no page of downloads shows, and may be long."""
        return super().get_queryset(request).defer("job__coverage", "job__warnings")

    def is_name(self, text: str) -> bool:
        return Camera.objects.filter(name__icontains=text).exists() or super().is_name(text)

    def find(self, word: str, request: HttpRequest) -> Q:
        if day := read_day(word):
            return Q(created_at__gte=day[0], created_at__lt=day[1])
        if job_id := read_uuid(word):
            return Q(job_id=job_id)
        found = Q(user_id__in=users_like(word, request))
        found |= Q(stream_id__in=streams_like(word, request))
        number = read_number(word)
        return found if number is None else found | Q(pk=number)

    @admin.display
    def state(self, download: Download) -> str:
        return download.status(timezone.now())

    @admin.display
    def progress(self, download: Download) -> str:
        return f"{download.job.progress} %"

    @admin.display
    def reason(self, download: Download) -> str:
        return download.job.error_message or "-"

    @admin.display
    def size(self, download: Download) -> str:
        return "-" if download.job.size is None else filesizeformat(download.job.size)

    # Not `link`: the column of that name would be shown instead.
    @admin.display(description="link")
    def link_state(self, download: Download) -> str:
        """Say whether the link works; the link itself opens the file, so it is not shown."""
        if download.is_file_exists(timezone.now()) and download.goes_at:
            day_and_time = f"{timezone.localtime(download.goes_at):%Y-%m-%d\N{NO-BREAK SPACE}%H:%M}"
            return f"works until {day_and_time}"
        return "not yet" if download.in_progress else "does not work"

    @admin.action(description="Make the selected downloads again", permissions=["act"])
    def repeat(self, request: HttpRequest, downloads: QuerySet[Download]) -> None:
        """Repeat for the owners, who must still be allowed to see the footage."""
        now = timezone.now()
        self.do(
            request, downloads, "ordered again", lambda item: services.repeat(item, item.user, now)
        )

    @admin.action(description="Cancel the selected downloads", permissions=["act"])
    def cancel(self, request: HttpRequest, downloads: QuerySet[Download]) -> None:
        now = timezone.now()
        self.do(request, downloads, "cancelled", lambda item: services.cancel(item, now))

    def do(
        self,
        request: HttpRequest,
        downloads: QuerySet[Download],
        done: str,
        act: Callable[[Download], None],
    ) -> None:
        """Act on each download; one that refuses does not hold up the others."""
        refusals: Counter[str] = Counter()
        count = 0
        for download in downloads.select_related("stream"):
            try:
                act(download)
            except InvalidData as error:
                refusals[text_of(error)] += 1
            except Http404:
                refusals["It was deleted meanwhile."] += 1
            else:
                count += 1
                self.log_change(request, download, f"{done.capitalize()}.")
        if count:
            self.message_user(request, f"{count_of(count, 'download')} {done}.")
        for text, number in refusals.items():
            refusal = f"{count_of(number, 'download')} not {done}: {text}"
            self.message_user(request, refusal, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Download) -> None:  # noqa: ARG002 - Django's signature
        services.delete(obj, timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Download]) -> None:  # noqa: ARG002 - Django's signature
        now = timezone.now()
        for download in queryset:
            services.delete(download, now)


def text_of(error: InvalidData) -> str:
    return " ".join(text for texts in dotted_errors(error.detail).values() for text in texts)


def streams_like(word: str, request: HttpRequest) -> QuerySet[Any]:
    """Find the streams of the cameras whose name holds *word*."""
    return Stream.objects.filter(camera_id__in=cameras_like(word, request)).values("pk")
