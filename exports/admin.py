"""Export jobs on the operator pages: to look at, to cancel, to free their room. Never edited."""

from __future__ import annotations

from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from exports import states
from exports.models import ExportJob
from exports.orders import drop_file
from vms.accounts.admin_lists import NOTHING, GrowingAdmin, LookedAt, count_of, read_day, read_uuid


@admin.register(ExportJob)
class ExportJobAdmin(LookedAt, GrowingAdmin):
    rows_stay = True
    list_display = (
        "id",
        "stream_id",
        "begin",
        "end",
        "state",
        "done",
        "reason",
        "file_size",
        "attempt",
        "created_at",
        "expires_at",
    )
    ordering = ("-created_at", "-pk")
    list_filter = ("state", "created_at")
    search_help_text = "The id of a job, or the day it was ordered: 2026-03-10"
    exclude = ("fingerprint", "turn", "cost", "reserved")
    readonly_fields = ("downloads",)
    actions = ("cancel", "drop")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExportJob]:
        """Leave out what only the page of one job shows, and may be long."""
        jobs = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("changelist")
        return jobs.defer("coverage", "warnings") if is_list else jobs

    def find(self, word: str, request: HttpRequest) -> Q:  # noqa: ARG002 - the base's signature
        if day := read_day(word):
            return Q(created_at__gte=day[0], created_at__lt=day[1])
        job_id = read_uuid(word)
        return NOTHING if job_id is None else Q(pk=job_id)

    @admin.display(description="progress")
    def done(self, job: ExportJob) -> str:
        return f"{job.progress} %"

    @admin.display(description="reason", empty_value="-")
    def reason(self, job: ExportJob) -> str | None:
        return job.error_message or None

    @admin.display(description="size")
    def file_size(self, job: ExportJob) -> str:
        return "-" if job.size is None else filesizeformat(job.size)

    @admin.display
    def downloads(self, job: ExportJob) -> SafeString:
        """Link to the records that share the job."""
        address = reverse("admin:downloads_download_changelist")
        return format_html('<a href="{}?job__id__exact={}">Show</a>', address, job.pk)

    @admin.action(description="Cancel the selected jobs", permissions=["act"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[ExportJob]) -> None:
        now = timezone.now()
        cancelled = sum(states.cancel(job.pk, now) for job in jobs)
        text = f"{count_of(cancelled, 'job')} cancelled; one that runs stops within seconds."
        self.message_user(request, text)

    @admin.action(description="Remove the files of the selected jobs", permissions=["act"])
    def drop(self, request: HttpRequest, jobs: QuerySet[ExportJob]) -> None:
        """End the life of ready files now: their links die, the history stays."""
        now, dropped = timezone.now(), 0
        for job in jobs:
            if job.state == ExportJob.State.READY:
                with transaction.atomic():
                    drop_file(job.pk, now)
                dropped += 1
        self.message_user(request, f"{count_of(dropped, 'file')} removed.")
