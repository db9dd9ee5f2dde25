"""What has to hold after any fault, counted."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings
from django.utils import timezone

from downloads.models import Download
from exports import housekeeping
from exports.models import ExportJob
from exports.stores.choice import current_store
from tests.chaos.links import unfinished_links
from tests.chaos.site import Site
from tests.footage import Footage, decode_numbers
from vms.push.models import Event


@dataclass(frozen=True)
class Row:
    """One line of the table; all but the first three must be nought."""

    asked: int
    right: int
    failed_with_cause: int
    cancelled: int
    lost: int
    wrong: int
    duplicates_pushed: int
    partial_reachable: int
    strays: int
    processes_left: int

    @property
    def bad(self) -> dict[str, int]:
        names = [item.name for item in fields(self)][4:]
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def __str__(self) -> str:
        return "".join(f"{value:>10}" for value in astuple(self))


HEAD = "".join(f"{item.name.replace('_', ' ')[:9]:>10}" for item in fields(Row))


def judge(site: Site, footage: Footage | None, *, pushes: int = 1, whole: bool = True) -> Row:
    """Stop the site and count how all records of it ended.

    Each record was to be announced so many times. Without footage files are compared with what
    their rows say, but not decoded. A *whole* archive lets no file have gaps.
    """
    reachable = site.reachable + unfinished_links()
    left = site.stop()
    ended = Counter(end_of(download, footage, whole=whole) for download in downloads())
    age()
    housekeeping.remove_strays(timezone.now())
    return Row(
        asked=ended.total(),
        right=ended["right"],
        failed_with_cause=ended["failed"],
        cancelled=ended["cancelled"],
        lost=ended["lost"],
        wrong=ended["wrong"],
        duplicates_pushed=pushed_again(pushes),
        partial_reachable=reachable + unfinished_links(),
        strays=len(strays()),
        processes_left=left,
    )


def downloads() -> list[Download]:
    return list(Download.objects.select_related("job", "user").order_by("pk"))


def end_of(download: Download, footage: Footage | None, *, whole: bool) -> str:
    """Say how one record ended; whoever was to be told must have been."""
    job = download.job
    if download.cancelled_at is not None or job.state == ExportJob.State.CANCELLED:
        return "cancelled"
    told = Event.objects.filter(user=download.user, body__data__download__id=download.pk)
    if not told.exists():
        return "lost"
    if job.state == ExportJob.State.FAILED:
        return "failed" if job.error_code and job.error_message else "wrong"
    if job.state == ExportJob.State.EXPIRED:
        return "right"
    if job.state != ExportJob.State.READY:
        return "lost"
    return "right" if is_right(job, footage, whole=whole) else "wrong"


def is_right(job: ExportJob, footage: Footage | None, *, whole: bool) -> bool:
    """Decode the file: it shows what was asked for, but for the gaps its row tells of."""
    try:
        content = content_of(job)
    except OSError:
        return False
    if len(content) != job.size or hashlib.sha256(content).hexdigest() != job.sha256:
        return False
    if footage is None:
        return True
    if whole and not has_all(job):
        return False
    with NamedTemporaryFile(suffix=Path(job.file).suffix) as copy:
        copy.write(content)
        copy.flush()
        shown = decode_numbers(Path(copy.name))
    return [number for _, number in shown] == expected(job, footage)


def content_of(job: ExportJob) -> bytes:
    """Read a whole file from where files are kept, a folder or a bucket."""
    file, blocks = current_store().open(job.file), []
    file.start(0, file.size)
    while block := file.read(2**20):
        blocks.append(block)
    file.close()
    return b"".join(blocks)


def has_all(job: ExportJob) -> bool:
    """Say whether the row promises all that was asked for."""
    asked, delivered = job.coverage["asked"], job.coverage["delivered"]
    begins = parse(delivered["from"]) <= parse(asked["from"]) == job.begin
    ends = parse(delivered["to"]) >= parse(asked["to"]) == job.end
    return begins and ends and not job.coverage["gaps"]


def expected(job: ExportJob, footage: Footage) -> list[int]:
    """List the pictures of what was delivered, gap by gap."""
    begin, shown = parse(job.coverage["delivered"]["from"]), []
    for gap in job.coverage["gaps"]:
        if parse(gap["from"]) > begin:
            shown += footage.numbers_in(begin, parse(gap["from"]))
        begin = max(begin, parse(gap["to"]))
    end = parse(job.coverage["delivered"]["to"])
    return shown + (footage.numbers_in(begin, end) if end > begin else [])


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


def pushed_again(pushes: int) -> int:
    """Count the announcements of each record beyond those that were to be made."""
    told = Counter(
        event.body["data"]["download"]["id"]
        for event in Event.objects.all()
        if event.body["type"] == "archive_generated"
    )
    return sum(max(0, count - pushes) for count in told.values())


def age(minutes: int = 10) -> None:
    """Make everything stored look as if it was written so long ago."""
    before = time.time() - minutes * 60
    for path in Path(settings.STORAGE_DIR).rglob("*"):
        if path.is_file():
            os.utime(path, (before, before))


def strays() -> list[Path]:
    """List the files in the storage folder that no ready job names."""
    named = set(ExportJob.objects.filter(state="ready").values_list("file", flat=True))
    root = Path(settings.STORAGE_DIR)
    there = (path for path in root.rglob("*") if path.is_file())
    return [path for path in there if path.relative_to(root).as_posix() not in named]
