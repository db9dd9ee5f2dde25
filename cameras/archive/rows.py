"""Segment rows as a scan reads and writes them: in bulk, harmless when another scan is first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from cameras.archive.listing import FoundFile
from cameras.archive.sidecars import drop_sidecars
from cameras.models import ArchiveFolder, Segment, Stream

BATCH = 500
FACTS = (
    "stream_id begin end size mtime_ns video_codec audio_codec width height config".split()  # noqa: SIM905
)


class Known(NamedTuple):
    """What a row says of a file; small, because a scan holds one for each segment of a folder."""

    id: int
    size: int
    mtime_ns: int
    begin: datetime
    end: datetime

    def is_of(self, file: FoundFile) -> bool:
        """Say whether *file* is still the one that was indexed."""
        return self.size == file.size and self.mtime_ns == file.mtime_ns


def known_rows(folder: ArchiveFolder) -> dict[str, Known]:
    """Return what is indexed in *folder* by relative path: one query."""
    rows = folder.segments.values_list("path", *Known._fields)
    return {path: Known(*facts) for path, *facts in rows.iterator()}


def keep_new(stream_id: int, segments: Sequence[Segment]) -> None:
    """Insert *segments*; a file that another scan inserted meanwhile stays as it is."""
    if not segments:
        return
    widen_search(stream_id, segments)
    Segment.objects.bulk_create(segments, batch_size=BATCH, ignore_conflicts=True)


def keep_one(segment: Segment) -> Segment:
    """Insert or update the row of one file."""
    widen_search(segment.stream_id, [segment])
    kept, _ = Segment.objects.update_or_create(
        folder=segment.folder,
        path=segment.path,
        defaults={fact: getattr(segment, fact) for fact in FACTS},
    )
    return kept


def widen_search(stream_id: int, segments: Iterable[Segment]) -> None:
    """Raise the stream's longest segment, before the rows: no search may miss one meanwhile."""
    longest = max(segment.end - segment.begin for segment in segments)
    Stream.objects.filter(pk=stream_id, longest_segment__lt=longest).update(longest_segment=longest)


def forget(ids: Iterable[int]) -> int:
    """Delete rows; return how many there were."""
    waiting = iter(ids)
    deleted = 0
    while batch := list(islice(waiting, BATCH)):
        rows = Segment.objects.filter(pk__in=batch)
        drop_sidecars(rows.values_list("folder_id", "path"))
        deleted += rows.delete()[1].get("cameras.Segment", 0)
    return deleted


def note_newest(stream_id: int) -> None:
    """Give the stream the picture size of its newest segment, and whether that has sound."""
    newest = Segment.objects.filter(stream_id=stream_id).order_by("-begin").first()
    if newest is None:
        return
    shape = {
        "has_sound": bool(newest.audio_codec),
        "width": newest.width,
        "height": newest.height,
    }
    Stream.objects.filter(pk=stream_id).exclude(**shape).update(**shape)
