"""What a segment holds, from its sidecar if that is good, else from the file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from vms.media.probe import MediaFile, UnreadableMedia
from vms.media.segment import media_of, read_segment
from vms.media.sidecar import BadSidecar, read_sidecar, write_sidecar


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
