"""What users do with their downloads. Writes go through here, queueing happens on commit."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction
from django.http import Http404

from cameras.access import streams_for, visible_cameras
from cameras.models import Camera, Stream
from cameras.timeline import Interval
from downloads.models import Download
from downloads.naming import display_name
from downloads.notifications import announce, announce_deleted, announce_new
from downloads.serializers import NO_FOOTAGE, Order, over_quota
from downloads.upkeep import release
from exports import states
from exports.models import ExportJob
from exports.orders import is_there, options_of, order_job, order_jobs
from exports.turns import queued
from exports.wakeups import wake
from vms.accounts.models import User
from vms.api.errors import InvalidData, Overloaded

# When a client whose order met a full queue may try again.
RETRY_SECONDS = 30
IN_PROGRESS = "The file is still being made."
ENDED = "The file is not being made any more."


def order_downloads(
    *, user: User, session_id: str, origin: str, order: Order, now: datetime
) -> list[Download]:
    """Create records as `create_downloads`, no more than the user may have in progress.

    Raises:
        InvalidData: another order of the user was quicker. Overloaded: as `create_downloads`.
    """
    with transaction.atomic():
        hold_orders(user)
        if message := over_quota(user, len(order.streams)):
            raise InvalidData({"ids": [message]})
        return create_downloads(
            user=user, session_id=session_id, origin=origin, order=order, now=now
        )


def hold_orders(user: User) -> None:
    """Let a user's orders come one after another to the end of the transaction: each is counted."""
    User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()


def create_downloads(
    *, user: User, session_id: str, origin: str, order: Order, now: datetime
) -> list[Download]:
    """Create one record per camera, all or none; new jobs are queued on commit.

    The number of queries is the same for many cameras as for one.

    Raises:
        Overloaded: too many jobs of all users wait already.
    """
    refuse_when_full()
    streams = sorted((stream for _, stream in order.streams), key=lambda stream: stream.pk)
    with transaction.atomic(savepoint=False):
        jobs = order_jobs(streams, order.interval, order.options, now, user_id=user.pk)
        downloads = [
            new_download(camera, stream, order, jobs[stream.pk], now)
            for camera, stream in order.streams
        ]
        ready = [item for item in downloads if item.job.state == ExportJob.State.READY]
        until = now + settings.EXPORT_TTL
        states.keep_locked_until([item.job for item in ready], until)
        for download in ready:
            download.expires_at, download.announced_at = until, now
        for download in downloads:
            download.user, download.session_id, download.origin = user, session_id, origin
        Download.objects.bulk_create(downloads)
        announce_new(ready, now)
        for job in jobs.values():
            wake_for(job)
    return downloads


def refuse_when_full() -> None:
    """See that the queue takes more.

    Raises:
        Overloaded: too many jobs of all users wait already.
    """
    if queued().count() >= settings.VMS["VMS_EXPORT_MAX_QUEUED"]:
        raise Overloaded(wait=RETRY_SECONDS)


def new_download(
    camera: Camera, stream: Stream, order: Order, job: ExportJob, now: datetime
) -> Download:
    """Make a record of nobody's yet."""
    interval, container = order.interval, order.options.container
    return Download(
        stream=stream,
        job=job,
        name=display_name(camera.name, interval.begin, interval.end, container),
        type=container,
        begin=interval.begin,
        end=interval.end,
        created_at=now,
    )


def attach(download: Download, job: ExportJob, now: datetime) -> None:
    """See that *download* gets what its job makes: by a message to a worker, or right away."""
    if job.state == ExportJob.State.READY:
        renew(download, now)
    wake_for(job)


def renew(download: Download, now: datetime) -> None:
    """Start a new life of the link to a file that is there, and tell its owner."""
    download.expires_at = now + settings.EXPORT_TTL
    download.announced_at = None
    download.save(update_fields=["expires_at", "announced_at", "updated_at"])
    states.keep_until(download.job_id, download.expires_at)
    download.job.refresh_from_db()
    announce(download, now)


def wake_for(job: ExportJob) -> None:
    """Wake a worker on commit, for a job that waits, whether it is new or shared."""
    if job.state == ExportJob.State.QUEUED:
        transaction.on_commit(partial(wake, job.node))


def repeat(download: Download, user: User, now: datetime) -> None:
    """Make the file again under the same record, or start a new life of one still there.

    Raises:
        InvalidData: it is being made, its owner has enough in progress, or camera, access or
            archive are gone.
        Overloaded: too many jobs of all users wait already.
    """
    with transaction.atomic():
        lock(download)
        if download.in_progress:
            raise InvalidData({"download": [IN_PROGRESS]})
        refuse_unless_visible(download, user)
        if keeps_file(download, now):
            renew(download, now)
            return
        refuse_when_full()
        hold_orders(download.user)
        if message := over_quota(download.user, 1):
            raise InvalidData({"download": [message]})
        restart(download, recorded_stream(download), now)


def keeps_file(download: Download, now: datetime) -> bool:
    """Say whether the file is there; it then stays for the new life of the link."""
    return (
        download.is_file_exists(now)
        and is_there(download.job)
        and states.keep_until(download.job_id, now + settings.EXPORT_TTL)
    )


def restart(download: Download, stream: Stream, now: datetime) -> None:
    """Give *download* a job of its own or one it can share."""
    download.job = order_job(
        stream,
        Interval(download.begin, download.end),
        options_of(download.job),
        now,
        user_id=download.user_id,
    )
    download.stream = stream
    download.expires_at = download.cancelled_at = download.announced_at = None
    download.link, download.link_works = "", None
    download.save()
    attach(download, download.job, now)


def refuse_unless_visible(download: Download, user: User) -> None:
    """See that the user may still watch what the record shows.

    Raises:
        InvalidData: camera or access are gone.
    """
    stream = download.stream
    if stream is None or not visible_cameras(user).filter(pk=stream.camera_id).exists():
        raise InvalidData({"download": [NO_FOOTAGE]})


def recorded_stream(download: Download) -> Stream:
    """Return the stream to make the file from again.

    Raises:
        InvalidData: the archive is gone.
    """
    stream = download.stream
    if stream is not None:
        interval = Interval(download.begin, download.end)
        choice = streams_for([stream.camera], interval, stream.type)[stream.camera_id]
        if choice.has_footage and choice.stream is not None:
            return choice.stream
    raise InvalidData({"download": [NO_FOOTAGE]})


def cancel(download: Download, now: datetime) -> None:
    """Stop waiting for the file; its making ends unless somebody else waits for it too.

    Raises:
        InvalidData: it has ended in another way.
    """
    with transaction.atomic():
        lock(download)
        if download.cancelled_at is not None:
            return
        if not download.in_progress:
            raise InvalidData({"download": [ENDED]})
        download.cancelled_at = now
        download.save(update_fields=["cancelled_at", "updated_at"])
        release(download.job, now)


def delete(download: Download, now: datetime) -> None:
    """Remove the record; the job or file goes too unless another record still uses it."""
    with transaction.atomic():
        lock(download)
        job, download_id = download.job, download.pk
        download.delete()
        release(job, now)
        # Last: whoever locks a job and a user's feed does so in this order.
        announce_deleted(download, download_id, now)


def lock(download: Download) -> None:
    """Hold the record's row, and see what it and its job are now.

    Raises:
        Http404: somebody deleted it meanwhile.
    """
    if Download.objects.select_for_update().filter(pk=download.pk).first() is None:
        raise Http404
    download.refresh_from_db()
