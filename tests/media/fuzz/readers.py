"""What is fuzzed: each reader takes a file and gives a word about how it ended.

A word is what the reader made of the input: the corpus holds one recipe for each. A reader may
refuse with its own errors only; whatever else it raises is a finding.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

from vms.media.mp4.atoms import Malformed
from vms.media.mp4.index import FileIndex, read_index
from vms.media.probe import MediaFile
from vms.media.segment import media_of
from vms.media.sidecar import HEAD, MAGIC, BadSidecar, decode, encode


def boxes(path: Path) -> str:
    """Read an mp4 file and describe it, as `read_segment` does, and keep it as a sidecar."""
    try:
        index = read_index(path)
        media = media_of(index)
    except (Malformed, OSError) as error:
        return f"refused: {error}"
    check_index(index)
    check_media(media)
    assert len(decode(encode(index)).tracks) == len(index.tracks)
    sound = "with sound" if media.audio else "silent"
    return f"read: {sound}, {'truncated' if media.truncated else 'whole'}"


def check_index(index: FileIndex) -> None:
    """See that nothing points out of the file: whoever copies samples relies on it."""
    for track in index.tracks.values():
        table = track.table
        if not len(table):
            continue
        samples = table.samples()
        assert {len(column) for column in vars(samples).values()} == {len(samples)}
        # Compared so that nothing can overflow.
        assert int(samples.at.min()) >= 0
        assert (samples.at <= index.size - samples.size.astype("i8")).all()
        assert 0 <= int(samples.entry.min()) <= int(samples.entry.max()) < len(track.entries)
        assert track.summary.count == len(samples)
        assert track.summary.bytes == int(samples.size.sum(dtype="i8"))
        assert track.summary.latest == int((samples.decoded + samples.offset).max()) - track.origin


def check_media(media: MediaFile) -> None:
    for track in (media.video, media.audio):
        if track is not None:
            columns = (track.pts, track.duration, track.size, track.key, track.hidden)
            assert {len(column) for column in columns} == {len(track.pts)}


def sidecar(path: Path) -> str:
    """Read a sidecar as it is, and with a checksum that is right."""
    content = path.read_bytes()
    ends = []
    for data in (
        content,
        HEAD.pack(MAGIC, zlib.crc32(content[HEAD.size :])) + content[HEAD.size :],
    ):
        try:
            tables = [len(track.table) for track in decode(data).tracks.values()]
        except BadSidecar as error:
            ends.append(f"refused: {error.__cause__ or error}")
        else:
            ends.append(f"read, {len(tables)} tracks")
    return ", then ".join(ends)


# Each with the ending of the files it is tried on, in the folder of seeds.
READERS: dict[str, tuple[Callable[[Path], str], str]] = {
    "boxes": (boxes, ".mp4"),
    "sidecar": (sidecar, ".index"),
}
