"""The footage that inputs are made from: small, and of every form the reader knows."""

from __future__ import annotations

from pathlib import Path

from tests.footage import Footage
from vms.media.mp4.index import read_index
from vms.media.sidecar import encode

SMALL = {"seconds": 2, "segment_seconds": 2, "gop": 5, "width": 64, "height": 48}
FOOTAGE = {
    "fragmented": Footage(**SMALL),
    "fragmented-silent-B": Footage(**SMALL, audio=None, bframes=2),
    "plain": Footage(**SMALL, container="mp4"),
    "plain-B": Footage(**SMALL, container="mp4", bframes=2),
    "plain-h265": Footage(**SMALL, container="mp4", codec="hevc", audio=None),
}


def make_seeds(folder: Path) -> Path:
    """Put one segment of each footage and its sidecar into *folder*; returns the folder."""
    for name, footage in FOOTAGE.items():
        segment = folder / f"{name}.mp4"
        footage.make(folder / f"{name}.d")[0].rename(segment)
        segment.with_suffix(".index").write_bytes(encode(read_index(segment)))
    return folder


def read_seeds(folder: Path, ending: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in folder.glob(f"*{ending}")}
