"""What workers do for downloads. Only ids cross the process boundary."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from downloads.models import Download
from downloads.notifications import announce_job, tell_progress
from downloads.upkeep import lost_messages, note_sent, settle_ownerless, tell_untold
from exports import housekeeping
from vms.push.publish import prune

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def generate_download(download_id: int) -> None:
    """Make the file of one download, then tell all who wait for it how that ended.

    Delivered twice it runs once; for a record that is gone it does nothing.
    """
    download = Download.objects.select_related("job").filter(pk=download_id).first()
    if download is None:
        return
    # Only a worker makes files: other processes are spared the media libraries.
    from exports.runner import run_export

    job = run_export(download.job_id, told=tell_progress)
    if job is not None:
        announce_job(job, timezone.now())


@shared_task(ignore_result=True)
def clean_up() -> None:
    """Forget events older than the files, expire files whose time has come, remove what is left."""
    now = timezone.now()
    events = prune(now - settings.EXPORT_TTL)
    jobs = settle_ownerless(now)
    expired = housekeeping.expire_files(now)
    strays = housekeeping.remove_strays(now)
    log.info("cleaned up", expired=len(expired), strays=strays, events=events, jobs=jobs)


@shared_task(ignore_result=True)
def reconcile() -> None:
    """Put right what a crash left: silent workers, owners who were not told, lost messages."""
    now = timezone.now()
    requeued = housekeeping.requeue_lost(now)
    tell_untold(now)
    for job_id, download in lost_messages(requeued, now).items():
        generate_download.delay(download)
        note_sent(job_id, now)
        log.warning("a lost message is sent again", job=str(job_id))
