"""Rows for tests, made directly: what a scanner, a worker or a client would have left behind.

Every function takes what matters to the test and fills in the rest. Footage is rows only; no file
of the archive exists. A ready download has a real, small file in the storage folder.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from cameras.models import ArchiveFolder, Camera, CameraAccess, Segment, Stream
from downloads.models import Download
from downloads.naming import display_name
from exports.models import ExportJob
from exports.psim.models import ArchiveTask
from vms.accounts.models import User

BEGIN = datetime(2023, 3, 10, 10, 20, tzinfo=UTC)
CONTENT = bytes(range(256)) * 4


def camera(*, name: str = "Yard", owner: User | None = None, is_public: bool = False) -> Camera:
    """Make a camera; *owner* is granted access to it."""
    made = Camera.objects.create(name=name, is_public=is_public)
    if owner is not None:
        grant(owner, made)
    return made


def grant(user: User, camera: Camera, *, status: str = "active") -> CameraAccess:
    """Give a user access, or change the access the user has: `active` or `blocked`."""
    access, _made = CameraAccess.objects.update_or_create(
        user=user, camera=camera, defaults={"status": status}
    )
    return access


def stream(camera: Camera, *, type: str = "high", url: str = "", **fields: Any) -> Stream:  # noqa: A002 - the column's name
    return Stream.objects.create(camera=camera, type=type, url=url, **fields)


def folder(stream: Stream, *, path: str = "", layout: str = "vms") -> ArchiveFolder:
    path = path or str(settings.ARCHIVE_DIR / str(stream.pk))
    made, _new = ArchiveFolder.objects.get_or_create(
        stream=stream, path=path, defaults={"layout": layout}
    )
    return made


def segment(stream: Stream, *, begin: datetime = BEGIN, seconds: float = 60) -> Segment:
    length = timedelta(seconds=seconds)
    stream.longest_segment = max(stream.longest_segment, length)
    stream.save()
    return Segment.objects.create(
        stream=stream,
        folder=folder(stream),
        path=f"{begin:%Y-%m-%d/%H-%M-%S-%f}.mp4",
        begin=begin,
        end=begin + length,
        size=1000,
        mtime_ns=0,
        video_codec="h264",
        width=160,
        height=90,
        config="0",
    )


def recorded(
    *,
    owner: User | None = None,
    name: str = "Yard",
    type: str = "high",  # noqa: A002 - the column's name
    begin: datetime = BEGIN,
    seconds: float = 600,
) -> Camera:
    """Make a camera with one stream and footage of it."""
    made = camera(name=name, owner=owner)
    segment(stream(made, type=type), begin=begin, seconds=seconds)
    return made


def job(
    *,
    stream: Stream | None = None,
    state: str = "queued",
    begin: datetime = BEGIN,
    seconds: float = 60,
    **fields: Any,
) -> ExportJob:
    """Make a job no order would share; see `finish` for one with a file."""
    fields.setdefault("fingerprint", uuid.uuid4().hex)
    end = begin + timedelta(seconds=seconds)
    return ExportJob.objects.create(stream=stream, state=state, begin=begin, end=end, **fields)


def finish(
    job: ExportJob, *, content: bytes = CONTENT, now: datetime | None = None, gaps: Any = ()
) -> ExportJob:
    """Give a job its file and make it ready, as a worker does, without telling anybody."""
    now = now or timezone.now()
    job.file = f"{job.pk.hex[:2]}/{job.pk.hex}-1.mp4"
    path = settings.STORAGE_DIR / job.file
    path.parent.mkdir(parents=True, exist_ok=True)
    (settings.STORAGE_DIR / ".partial").mkdir(exist_ok=True)
    path.write_bytes(content)
    span = {"from": f"{job.begin:%Y-%m-%dT%H:%M:%S.%f}Z", "to": f"{job.end:%Y-%m-%dT%H:%M:%S.%f}Z"}
    job.state, job.progress, job.attempt = "ready", 100, 1
    job.size, job.sha256 = len(content), hashlib.sha256(content).hexdigest()
    job.duration = job.end - job.begin
    job.coverage = {"asked": span, "delivered": span, "gaps": list(gaps)}
    job.mode, job.engine = "copy", "splice"
    job.finished_at, job.expires_at = now, now + settings.EXPORT_TTL
    job.save()
    return job


def fail(job: ExportJob, *, code: str = "no_footage", message: str = "It is gone.") -> ExportJob:
    """Let a job end without a file, as a worker does, without telling anybody."""
    job.state, job.error_code, job.error_message = "failed", code, message
    job.attempt, job.finished_at = 1, timezone.now()
    job.save()
    return job


def download(
    user: User,
    *,
    job: ExportJob,
    name: str = "",
    camera_name: str = "Yard",
    created_at: datetime | None = None,
    **fields: Any,
) -> Download:
    """Make a line of a user's history."""
    return Download.objects.create(
        user=user,
        job=job,
        stream=job.stream,
        name=name or display_name(camera_name, job.begin, job.end, job.container),
        begin=job.begin,
        end=job.end,
        created_at=created_at or timezone.now(),
        **fields,
    )


def ready_download(
    user: User,
    *,
    stream: Stream | None = None,
    content: bytes = CONTENT,
    now: datetime | None = None,
    **fields: Any,
) -> Download:
    """Make a download with a real file, whose owner was told."""
    done = finish(job(stream=stream), content=content, now=now)
    told = {"announced_at": done.finished_at, "expires_at": done.expires_at}
    return download(user, job=done, **{**told, **fields})


def archive_task(download: Download, **fields: Any) -> ArchiveTask:
    """Give a download its PSIM client's name."""
    fields.setdefault("camera_id", "1")
    return ArchiveTask.objects.create(
        user=download.user,
        download=download,
        begin=download.begin,
        end=download.end,
        container=download.type,
        **fields,
    )


def order_body(
    *cameras: Camera, begin: datetime = BEGIN, seconds: float = 60, **options: Any
) -> dict[str, Any]:
    """Make the body of a request for files."""
    end = begin + timedelta(seconds=seconds)
    return {
        "from": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "ids": [camera.pk for camera in cameras],
        **options,
    }
