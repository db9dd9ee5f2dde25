"""Links that must lead nowhere, because their file is not finished."""

from __future__ import annotations

from collections.abc import Iterable

from django.test import Client

from downloads.models import Download
from downloads.naming import link_path
from exports.models import ExportJob

State = ExportJob.State
# Whose files may be there at the moment somebody asks.
SERVED = (State.READY, State.EXPIRED)


def unfinished_links() -> int:
    """Count the links that lead somewhere although their record is not ready."""
    return count_open(Download.objects.exclude(job__state=State.READY))


def links_of_running() -> int:
    """Count those of files that are being made right now."""
    return count_open(Download.objects.filter(job__state=State.RUNNING))


def count_open(downloads: Iterable[Download]) -> int:
    return sum(is_open(download) for download in downloads)


def is_open(download: Download) -> bool:
    """Ask for a link; what became ready in between may be served."""
    answer = Client().get(link_path(download.secret, download.name))
    answer.close()
    if answer.status_code == 404:
        return False
    return not Download.objects.filter(pk=download.pk, job__state__in=SERVED).exists()
