"""A whole job, as the worker runs it: rows, lease, digest, verification, and the row that says so.

The database is an SQLite file in the bench's folder; every footage set is a camera's archive there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from django.core.management import call_command

from bench.footage import Source
from cameras.models import ArchiveFolder, Camera, Segment, Stream
from cameras.timeline import Interval
from exports import storage
from exports.models import ExportJob
from exports.runner import run_export


def index_archive(name: str, sources: Sequence[Source]) -> Stream:
    """Make the rows of *sources* anew: the stream of a camera called *name*."""
    call_command("migrate", verbosity=0)
    Camera.objects.filter(name=name).delete()
    stream = Stream.objects.create(
        camera=Camera.objects.create(name=name),
        longest_segment=timedelta(seconds=max(item.seconds for item in sources)),
    )
    root = sources[0].path.parent
    folder = ArchiveFolder.objects.create(stream=stream, path=str(root), layout="vms")
    Segment.objects.bulk_create(row_of(item, stream, folder) for item in sources)
    return stream


def row_of(source: Source, stream: Stream, folder: ArchiveFolder) -> Segment:
    state = source.path.stat()
    return Segment(
        stream=stream,
        folder=folder,
        path=source.path.relative_to(folder.path).as_posix(),
        begin=source.begin,
        end=source.end,
        size=state.st_size,
        mtime_ns=state.st_mtime_ns,
        video_codec="h264",
        audio_codec="aac",
        width=1920,
        height=1080,
        config="",
    )


def order(stream: Stream, asked: Interval) -> ExportJob:
    return ExportJob.objects.create(
        stream=stream, begin=asked.begin, end=asked.end, fingerprint=uuid4().hex
    )


def run(job: ExportJob) -> ExportJob:
    """Run *job* to its end; ends the bench when there is no file."""
    done = run_export(job.pk, lambda _job, _percent: None)
    if done is None or done.state != ExportJob.State.READY:
        raise SystemExit(f"The job failed: {done.error_message if done else 'taken by another'}")
    return done


def clear(job: ExportJob) -> int:
    """Remove the file and the row; returns how long the file was."""
    path = storage.path_of(job.file)
    size = path.stat().st_size
    path.unlink()
    job.delete()
    return size
