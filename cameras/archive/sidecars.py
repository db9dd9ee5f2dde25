"""What segments hold, from their sidecar indexes where those are good, else from the files.

Sidecars lie in the data folder, not in the archive: that may belong to somebody else. They are
named after the archive folder's row and the segment's path in it, and nothing is lost with them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from cameras.models import ArchiveFolder
from vms.media.probe import MediaFile, UnreadableMedia
from vms.media.segment import media_of, read_segment
from vms.media.sidecar import BadSidecar, read_sidecar, write_sidecar

ENDING = ".idx"


def sidecar_path(folder_id: int, path: str) -> Path:
    """Return where the sidecar of the segment at *path* in an archive folder is kept."""
    return Path(settings.INDEX_DIR) / str(folder_id) / f"{path}{ENDING}"


def read_with_sidecar(path: Path, sidecar: Path) -> MediaFile:
    """Read what the segment *path* holds; makes its sidecar anew when that is of no use.

    Raises:
        UnreadableMedia: the segment is of no use.
    """
    try:
        state = os.stat(path)  # noqa: PTH116 - a fifth of the time, for thousands of segments
    except OSError as error:
        raise UnreadableMedia("the file is missing") from error
    with suppress(BadSidecar):
        return media_of(read_sidecar(sidecar, state.st_size, state.st_mtime_ns))
    return read_and_keep(path, sidecar)


def read_and_keep(path: Path, sidecar: Path) -> MediaFile:
    """Read a segment and write its sidecar; a sidecar that cannot be written is done without.

    Raises:
        UnreadableMedia: the segment is of no use.
    """
    media = read_segment(path)
    if media.index is not None:
        with suppress(OSError):
            write_sidecar(sidecar, media.index)
    return media


def drop_sidecars(segments: Iterable[tuple[int, str]]) -> None:
    """Delete the sidecars of segments that are gone, told by folder id and path."""
    for folder_id, path in segments:
        with suppress(OSError):
            sidecar_path(folder_id, path).unlink(missing_ok=True)


def drop_of_deleted_folders() -> None:
    """Delete the sidecars of archive folders that have no row any more."""
    with suppress(OSError):
        kept = {str(pk) for pk in ArchiveFolder.objects.values_list("pk", flat=True)}
        for folder in Path(settings.INDEX_DIR).iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
