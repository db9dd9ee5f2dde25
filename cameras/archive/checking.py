"""Rows of an archive folder against its files, both ways, without changing either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings

from cameras.archive.listing import Refused
from cameras.archive.reading import read_segment
from cameras.archive.rows import Known, known_rows
from cameras.archive.scanner import Candidate, NotScannable, Scan, ScanReport, find_gone, survey
from cameras.archive.sidecars import ENDING, drop_sidecars
from cameras.models import ArchiveFolder, Segment
from vms.media.probe import UnreadableMedia


@dataclass
class FolderCheck:
    """How rows and files of a folder differ, by paths in it.

    `gone` are rows whose file is no segment of this folder (any more), `changed` rows of another
    state of their file, `unindexed` files that could have a row, `sidecars` indexes of segments
    without a row. None of it is lost by a scan. `unusable` files have no row and cannot have one,
    which is no difference; `pending` counts those that may still be written. `problem` says why
    nothing could be looked at.
    """

    gone: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unindexed: list[str] = field(default_factory=list)
    sidecars: list[str] = field(default_factory=list)
    unusable: list[Refused] = field(default_factory=list)
    pending: int = 0
    rows: int = 0
    problem: str = ""

    @property
    def differences(self) -> int:
        return len(self.gone) + len(self.changed) + len(self.unindexed) + len(self.sidecars)


def check_folder(folder: ArchiveFolder, now: datetime) -> FolderCheck:
    """Compare; files without a row are read to see whether they are of use."""
    known = known_rows(folder)
    check = FolderCheck(rows=len(known))
    try:
        listing, layout = survey(folder, known)
    except NotScannable as error:
        check.problem = str(error)
        return check
    scan = Scan(folder, layout, ScanReport(), full=False, now=now)
    candidates = sorted(scan.sort_out(listing.files, known), key=lambda one: one.place)
    for candidate in candidates:
        if candidate.is_unchanged:
            continue
        if scan.may_be_open(candidate, is_newest=candidate is candidates[-1]):
            check.pending += 1
        else:
            judge(folder, candidate, check)
    gone = {*scan.gone, *find_gone(folder, listing, known)}
    check.gone = sorted(path for path, row in known.items() if row.id in gone)
    check.unusable += [*listing.refused, *scan.report.skipped]
    check.sidecars = sorted(sidecars_without_row(folder, known))
    return check


def judge(folder: ArchiveFolder, candidate: Candidate, check: FolderCheck) -> None:
    path = candidate.file.path
    if candidate.known is not None:
        check.changed.append(path)
        return
    try:
        read_segment(folder, candidate.file, candidate.name, None)
    except UnreadableMedia as error:
        check.unusable.append(Refused(path, error.reason))
    else:
        check.unindexed.append(path)
    finally:
        drop_sidecars([(folder.pk, path)])  # reading leaves one


def sidecars_without_row(folder: ArchiveFolder, known: dict[str, Known]) -> Iterator[str]:
    root = Path(settings.INDEX_DIR) / str(folder.pk)
    for sidecar in root.rglob(f"*{ENDING}"):
        path = sidecar.relative_to(root).as_posix().removesuffix(ENDING)
        if path not in known:
            yield path


def drop_strays(folder: ArchiveFolder, sidecars: list[str]) -> None:
    """Delete sidecars whose segment has no row; each is looked up right before."""
    for path in sidecars:
        if not Segment.objects.filter(folder=folder, path=path).exists():
            drop_sidecars([(folder.pk, path)])
