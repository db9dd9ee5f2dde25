"""From what ffmpeg writes to the archive: closed files get their name, their place and their row.

ffmpeg writes into `.recording` inside the stream's folder, as RUN-NUMBER.mp4. Filing a segment is

1. rename it into the layout, named by its begin,
2. index it,
3. note in RUN.json when the next one begins.

Killed between any two steps, `salvage` finishes the work. None of this is asynchronous.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError

from cameras.archive.fragments import Content, content_of, drop_partial_fragment
from cameras.archive.layout import vms_path
from cameras.archive.single import index_file
from cameras.archive.wallclock import join
from cameras.models import ArchiveFolder
from vms.media.probe import UnreadableMedia, read_media

WORK_FOLDER = ".recording"
ENDING = ".mp4"
# What cannot be filed is kept under it; nothing here looks at it again.
SET_ASIDE = ".bad"
SUCCESSOR = timedelta(microseconds=1)

log = structlog.get_logger(__name__)


class AlreadyRecorded(Exception):
    """Another recorder holds this stream's folder."""


@dataclass(frozen=True)
class NextSegment:
    """The number of the file a run closes next and when it begins; what RUN.json holds."""

    number: int
    begin: datetime

    def save(self, path: Path) -> None:
        own = path.with_suffix(".new")
        own.write_text(json.dumps({"number": self.number, "begin": self.begin.isoformat()}))
        own.replace(path)

    @classmethod
    def load(cls, path: Path) -> NextSegment | None:
        try:
            fields = json.loads(path.read_text())
            return cls(int(fields["number"]), datetime.fromisoformat(fields["begin"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def own_folder(stream_id: int, stream_uuid: object) -> ArchiveFolder:
    """Return the folder our recorder writes a stream into; its row is made if it is missing."""
    path = str(settings.ARCHIVE_DIR / str(stream_uuid))
    folder, _ = ArchiveFolder.objects.get_or_create(
        stream_id=stream_id, path=path, defaults={"layout": "vms", "is_own": True}
    )
    return folder


class Filing:
    """The one writer of a stream's own archive folder.

    Raises:
        AlreadyRecorded: another process records this stream.
        OSError: the folder cannot be made or written.
    """

    def __init__(self, folder: ArchiveFolder) -> None:
        self.folder = folder
        self.root = Path(folder.path)
        self.work = self.root / WORK_FOLDER
        self.work.mkdir(parents=True, exist_ok=True)
        self.previous_end: datetime | None = None
        self.lock = (self.work / "lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise AlreadyRecorded from error

    def close(self) -> None:
        """Let another recorder have the folder."""
        self.lock.close()

    def pattern(self, run: str) -> str:
        """Return the pattern of a run's file names; no other percent sign may be left in it."""
        return str(self.work / run).replace("%", "%%") + f"-%06d{ENDING}"

    def expect(self, run: str, following: NextSegment) -> None:
        """Note when the next file of *run* begins, for the case that we are killed."""
        following.save(self.work / f"{run}.json")

    def file_segment(self, name: str, begin: datetime) -> None:
        """Move the closed file *name* to where the layout wants it, and index it."""
        begin = join(begin, self.previous_end)
        while (target := self.root / vms_path(begin)).exists():
            begin += SUCCESSOR
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.work / name).rename(target)
        self.index(begin)

    def index(self, begin: datetime) -> None:
        try:
            segment = index_file(self.folder, vms_path(begin), begin=begin)
        except DatabaseError:
            log.exception("segment not indexed; scan_archive will do it", folder=self.folder.pk)
            return
        self.previous_end = segment.end if segment else None

    def first_picture(self, name: str) -> float:
        """Return the seconds from a file's zero to its first picture; sound may begin earlier."""
        try:
            return float(read_media(self.work / name).video.begin)
        except UnreadableMedia:
            return 0.0

    def finish_run(self, run: str) -> None:
        """Take in what *run* left behind; nobody writes it any more."""
        self.salvage_run(run)
        (self.work / f"{run}.json").unlink(missing_ok=True)

    def salvage(self) -> None:
        """Take in what killed recorders left behind."""
        for run in sorted({path.stem.split("-")[0] for path in self.work.glob("*.*")}):
            self.finish_run(run)

    def salvage_run(self, run: str) -> None:
        following = NextSegment.load(self.work / f"{run}.json")
        if following is not None and (self.root / vms_path(following.begin)).exists():
            self.index(following.begin)  # renamed, then killed
            following = None
        for path in sorted(self.work.glob(f"{run}-*{ENDING}")):
            following = self.salvage_file(path, following)

    def salvage_file(self, path: Path, following: NextSegment | None) -> NextSegment | None:
        """File what can be read of *path*; returns what is known of the next one.

        Only a file without a whole fragment is deleted. One that holds some and cannot be read may
        be so for a passing reason, too few file handles or a disk in trouble, and is kept.
        """
        number = int(path.stem.rpartition("-")[2])
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        content = content_of(path)
        if content is Content.NOTHING:
            log.warning("leftover removed", **self.named(path), reason=content.value)
            path.unlink()
            return None
        if content is Content.UNCLEAR:
            self.set_aside(path, content.value)
            return None
        lost = drop_partial_fragment(path)
        try:
            media = read_media(path)
        except UnreadableMedia as error:
            self.set_aside(path, error.reason)
            return None
        if following is not None and following.number == number:
            begin = following.begin
            if number == 0:
                begin += timedelta(seconds=float(media.video.begin))
        else:
            begin = written_at - timedelta(seconds=float(media.duration))
        self.file_segment(path.name, begin)
        log.info(
            "leftover salvaged",
            stream=self.folder.stream_id,
            begin=begin.isoformat(),
            bytes_dropped=lost,
        )
        return NextSegment(number + 1, begin + timedelta(seconds=float(media.duration)))

    def set_aside(self, path: Path, reason: str) -> None:
        kept = path.with_name(path.name + SET_ASIDE)
        path.rename(kept)
        log.warning("leftover set aside", **self.named(kept), reason=reason)

    def named(self, path: Path) -> dict[str, Any]:
        return {"stream": self.folder.stream_id, "file": path.name}
