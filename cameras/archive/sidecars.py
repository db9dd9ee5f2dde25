"""Where the sidecar indexes of segments are kept, and when they go.

Sidecars lie in the data folder, not in the archive: that may belong to somebody else. They are
named after the archive folder's row and the segment's path in it, and nothing is lost with them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from cameras.models import ArchiveFolder

ENDING = ".idx"


def sidecar_path(folder_id: int, path: str) -> Path:
    """Return where the sidecar of the segment at *path* in an archive folder is kept."""
    return Path(settings.INDEX_DIR) / str(folder_id) / f"{path}{ENDING}"


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
