"""Files of an archive folder to rows: what is new, changed, gone or of no use.

A scan may run beside a recorder and beside another scan: rows are unique by folder and path, what
loses a race is ignored, and only what was known *before* the folder was listed can count as gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from cameras.archive.folders import SeveralCameras, example_of, narrow
from cameras.archive.layout import BadLayout, FileName, Layout, Precision
from cameras.archive.listing import FoundFile, Listing, Refused, is_gone, list_files
from cameras.archive.reading import is_told_by, read_segment
from cameras.archive.rows import Known, forget, keep_new, keep_one, known_rows, note_newest
from cameras.models import ArchiveFolder, Segment
from vms.media.probe import UnreadableMedia

# The newest file of a folder that is being written may be silent for so long and yet not closed.
NEWEST_SETTLES = timedelta(seconds=60)
BATCH = 500


@dataclass
class ScanReport:
    """How a scan ended. `problem` says why nothing was done at all, for people, without paths.

    `pending` counts files that may still be written, `others` files of other cameras, which are
    called `strangers`, `left` those there was no time for. `skipped` are files of no use; `damaged`
    were indexed as far as they can be read. `misfit` is the path of one file when there are files
    but none whose name fits the layout and the camera: no row of theirs was touched then.
    """

    indexed: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    pending: int = 0
    others: int = 0
    left: int = 0
    skipped: list[Refused] = field(default_factory=list)
    damaged: list[Refused] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    misfit: str = ""
    problem: str = ""


class NotScannable(Exception):
    """Nothing can be said of a folder's files; the text says why, for people, without paths."""


@dataclass(frozen=True)
class Candidate:
    """A file whose name can be read, and its row if there is one.

    Unchanged means that its name is read as it was, too: VMS_TIME_ZONE may be another since.
    """

    file: FoundFile
    name: FileName
    known: Known | None

    @property
    def is_unchanged(self) -> bool:
        known = self.known
        return known is not None and known.is_of(self.file) and is_told_by(self.name, known.begin)

    @property
    def place(self) -> tuple[datetime, str]:
        """Where it stands among the others: oldest first."""
        return self.name.begin, self.file.path


def scan_folder(
    folder: ArchiveFolder, *, full: bool, now: datetime, deadline: float | None = None
) -> ScanReport:
    """Bring the rows of *folder* in line with its files; *full* reads unchanged files again.

    Once `time.monotonic()` is past *deadline* no further file is read, after one at least; the next
    scan with a deadline goes on there, so that files of no use cannot hold it up for ever.

    Never raises for what is wrong with files or folders, nor logs it: that is in the report.
    """
    report = ScanReport()
    known = known_rows(folder)
    try:
        listing, layout = survey(folder, known)
    except NotScannable as error:
        report.problem = str(error)
        return report
    report.skipped += listing.refused
    scan = Scan(folder, layout, report, full=full, now=now, deadline=deadline)
    scan.run(listing, known)
    kept = {} if report.misfit else {"layout": folder.layout}
    ArchiveFolder.objects.filter(pk=folder.pk).update(
        scanned_at=now, scan_resumes_after=scan.resumes_after, **kept
    )
    return report


def survey(folder: ArchiveFolder, known: dict[str, Known]) -> tuple[Listing, Layout]:
    """List a folder of which rows are *known*, and say how its names are read.

    Raises:
        NotScannable: nothing can be said of its files, and so nothing be done.
    """
    try:
        listing = list_files(Path(folder.path))
        layout = narrow(folder, listing)
    except OSError as error:
        raise NotScannable(
            "The folder cannot be read: is its disk mounted, and may this user enter it?"
        ) from error
    except (BadLayout, SeveralCameras) as error:
        raise NotScannable(str(error)) from error
    if listing.is_empty and known:
        raise NotScannable(
            f"The folder is empty but {len(known)} segments of it are known: is its disk "
            "mounted? If they are gone for good, delete the archive folder in the admin pages."
        )
    return listing, layout


class Scan:
    """One pass over the files of one folder, oldest first."""

    def __init__(
        self,
        folder: ArchiveFolder,
        layout: Layout,
        report: ScanReport,
        *,
        full: bool,
        now: datetime,
        deadline: float | None = None,
    ) -> None:
        self.folder = folder
        self.layout = layout
        self.report = report
        self.full = full
        self.now = now
        self.deadline = deadline
        self.begins_after = self.place_left() if deadline is not None else None
        self.last_read = ""
        self.resumes_after = ""
        self.fresh: list[Segment] = []
        self.gone: list[int] = []

    def run(self, listing: Listing, known: dict[str, Known]) -> None:
        candidates = sorted(self.sort_out(listing.files, known), key=lambda one: one.place)
        if not (candidates or self.report.unchanged):
            self.report.misfit = example_of(file.path for file in listing.files)
            self.gone.clear()
        newest = candidates[-1] if candidates else None
        previous_end: datetime | None = None
        for candidate in candidates:
            previous_end = self.take(candidate, previous_end, is_newest=candidate is newest)
            if len(self.fresh) >= BATCH:
                self.flush()
        self.flush()
        self.gone += find_gone(self.folder, listing, known)
        self.report.removed = forget(self.gone)
        if self.report.indexed or self.report.changed or self.report.removed:
            note_newest(self.folder.stream_id)

    def sort_out(self, files: Iterable[FoundFile], known: dict[str, Known]) -> Iterator[Candidate]:
        """Yield the files to look at; name those with a foreign name, count other cameras'."""
        for file in files:
            row = known.get(file.path)
            name = self.layout.read(file.path)
            if name is not None and self.layout.camera not in {None, name.camera}:
                self.report.others += 1
                self.report.strangers.add(name.camera or "")
                if row is not None:
                    self.gone.append(row.id)
            elif name is not None:
                yield Candidate(file, name, row)
            elif self.folder.is_own and row is not None and row.is_of(file):
                self.report.unchanged += 1  # our recorder told when it begins, not its name
            else:
                self.report.skipped.append(Refused(file.path, "its name does not fit the layout"))
                if row is not None:
                    self.gone.append(row.id)

    def take(
        self, candidate: Candidate, previous_end: datetime | None, *, is_newest: bool
    ) -> datetime | None:
        """Index one file if it has to be; return where the footage so far ends."""
        known = candidate.known
        if known is not None and candidate.is_unchanged and not self.full:
            self.report.unchanged += 1
            return known.end
        if self.may_be_open(candidate, is_newest=is_newest):
            self.report.pending += 1
            return known.end if known else previous_end
        if self.is_left(candidate):
            self.report.left += 1
            return known.end if known else previous_end
        self.last_read = candidate.file.path
        is_vague = self.layout.precision is Precision.SECOND
        try:
            segment, damage = read_segment(
                self.folder, candidate.file, candidate.name, previous_end if is_vague else None
            )
        except UnreadableMedia as error:
            self.report.skipped.append(Refused(candidate.file.path, error.reason))
            if known is not None:
                self.gone.append(known.id)
            return previous_end
        if damage:
            self.report.damaged.append(Refused(candidate.file.path, damage))
        self.keep(segment, candidate)
        return segment.end

    def place_left(self) -> tuple[datetime, str] | None:
        """Return the place of the last file an earlier scan had time for, if it ran out of it."""
        path = self.folder.scan_resumes_after
        name = self.layout.read(path) if path else None
        return (name.begin, path) if name is not None else None

    def is_left(self, candidate: Candidate) -> bool:
        """Say whether the file is left to another scan: it had its turn, or time is up."""
        if self.begins_after is not None and candidate.place <= self.begins_after:
            return True
        if self.deadline is None or not self.last_read or time.monotonic() < self.deadline:
            return False
        self.resumes_after = self.last_read
        return True

    def keep(self, segment: Segment, candidate: Candidate) -> None:
        if candidate.known is None:
            self.fresh.append(segment)
            return
        keep_one(segment)
        if candidate.is_unchanged:
            self.report.unchanged += 1
        else:
            self.report.changed += 1

    def flush(self) -> None:
        keep_new(self.folder.stream_id, self.fresh)
        self.report.indexed += len(self.fresh)
        self.fresh = []

    def may_be_open(self, candidate: Candidate, *, is_newest: bool) -> bool:
        """Say whether somebody may still be writing the file."""
        settles = timedelta(seconds=settings.VMS["VMS_SEGMENT_SETTLE_SECONDS"])
        if is_newest and (self.folder.is_watched or self.folder.is_own):
            settles = max(settles, NEWEST_SETTLES)
        written_at = datetime.fromtimestamp(candidate.file.mtime_ns / 10**9, UTC)
        return abs(self.now - written_at) < settles


def find_gone(folder: ArchiveFolder, listing: Listing, known: dict[str, Known]) -> Iterator[int]:
    """Yield the rows whose files are certainly deleted, not merely out of sight."""
    seen = {file.path for file in listing.files}
    root = Path(folder.path)
    for path, row in known.items():
        if path not in seen and listing.knows(path) and is_gone(root, path):
            yield row.id
