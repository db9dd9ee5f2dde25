"""One closed file to its row, without a scan: what the recorder does with each segment."""

from __future__ import annotations

from datetime import datetime

import structlog

from cameras.archive.folders import layout_of
from cameras.archive.index import path_inside
from cameras.archive.layout import FileName, Precision
from cameras.archive.listing import FoundFile
from cameras.archive.reading import read_segment
from cameras.archive.rows import keep_one, note_newest
from cameras.models import ArchiveFolder, Segment
from vms.media.probe import UnreadableMedia

log = structlog.get_logger(__name__)


def index_file(
    folder: ArchiveFolder, relative_path: str, *, begin: datetime | None = None
) -> Segment | None:
    """Index one file that is closed; None when it is of no use (the log says why).

    Without *begin* its name tells when it begins. Indexing a file again updates its row.

    Raises:
        OutsideFolder: the path leads out of the folder.
    """
    try:
        segment = read_one(folder, relative_path, begin)
    except UnreadableMedia as error:
        log.warning("file not indexed", folder=folder.pk, file=relative_path, reason=error.reason)
        return None
    kept = keep_one(segment)
    note_newest(folder.stream_id)
    return kept


def read_one(folder: ArchiveFolder, relative_path: str, begin: datetime | None) -> Segment:
    path = path_inside(folder, relative_path)
    layout = layout_of(folder)
    name = FileName(begin, None, None) if begin else layout.read(relative_path)
    if name is None:
        raise UnreadableMedia("its name does not fit the layout")
    try:
        found = path.stat()
    except OSError as error:
        raise UnreadableMedia("the file is missing") from error
    is_vague = begin is None and layout.precision is Precision.SECOND
    previous_end = end_before(folder, relative_path, name.begin) if is_vague else None
    file = FoundFile(relative_path, found.st_size, found.st_mtime_ns)
    return read_segment(folder, file, name, previous_end)[0]


def end_before(folder: ArchiveFolder, path: str, begin: datetime) -> datetime | None:
    """Return where the segment of *folder* before *begin* ends, that of *path* itself aside."""
    before = folder.segments.filter(stream_id=folder.stream_id, begin__lt=begin).exclude(path=path)
    return before.order_by("-begin").values_list("end", flat=True).first()
