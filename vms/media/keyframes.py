"""What a segment's tables do not tell, or tell wrongly, of its first pictures.

ISO/IEC 14496-10 (H.264) sections 3.69 and 7.3.3, 23008-2 (H.265) sections 3.66 and 7.4.2.2.
"""

from __future__ import annotations

import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from vms.media.mp4.index import FileIndex, TrackIndex
from vms.media.probe import MediaFile
from vms.media.smart.configuration import Configuration, read_configuration
from vms.media.smart.source import LARGEST_SAMPLE, Unencodable
from vms.media.smart.units import (
    H264_PICTURES,
    HEVC_IDR,
    HEVC_PICTURES,
    HEVC_RANDOM_ACCESS,
    IDR,
    h264_kind,
    hevc_kind,
    is_intra,
    is_reference,
    split_sample,
)


def without_false_keyframes(path: Path, index: FileIndex) -> FileIndex:
    """Return *index* with no keyframes if the file only seems to be made of them.

    A file without a list of them has nothing else (14496-12 section 8.6.2); but muxers leave it
    out too where a recorder cut within a group of pictures and there is none.
    """
    video = index.tracks.get("video")
    if video is None or not video.summary.count or video.table.sync is not None:
        return index
    try:
        config, units = read_units(path, video, 0)
    except (OSError, Unencodable):
        return index
    if any(stands_alone(config, unit) for unit in units):
        return index
    table = replace(video.table, sync=np.empty(0, np.int64))
    track = replace(video, summary=replace(video.summary, first_key=-1), load=lambda: table)
    return replace(index, tracks={**index.tracks, "video": track})


def stands_alone(config: Configuration, unit: bytes) -> bool:
    """Say whether a unit is part of a picture that decoding can begin with."""
    if config.codec == "hevc":
        return hevc_kind(unit) in HEVC_RANDOM_ACCESS
    return h264_kind(unit) in H264_PICTURES and is_intra(unit)


class Leading(StrEnum):
    """What becomes of pictures that are decoded after a segment's first keyframe, shown before it.

    They need the keyframe alone (`CLOSED`), or the segment before too. Then they can be dropped
    where that is missing (`LOOSE`), unless others are decoded from them (`TIED`).
    """

    CLOSED = "closed"
    LOOSE = "loose"
    TIED = "tied"


def leading_pictures(path: Path, media: MediaFile) -> Leading:
    """Say what is to be done with the pictures that lead in to the first keyframe of *path*.

    Most segments begin with the picture that is shown first; only others are looked into.
    """
    known = media.video.summary
    if known.first_key < 0 or (known.first_key == 0 and known.first <= known.begin):
        return Leading.CLOSED
    if media.index is None:
        return Leading.TIED
    try:
        return judge(path, media.index.tracks["video"], media)
    except (OSError, Unencodable):
        return Leading.TIED


def judge(path: Path, track: TrackIndex, media: MediaFile) -> Leading:
    """Look at the keyframe, and in H.264 at each picture that is shown before it.

    Raises as `read_units`.
    """
    key = media.video.summary.first_key
    shown = media.video.pts[key:]
    leading = np.flatnonzero(shown < shown[0]) + key
    if not len(leading):
        return Leading.CLOSED
    config, units = read_units(path, track, key)
    if config.codec == "hevc":
        kinds = {hevc_kind(unit) for unit in units} & set(HEVC_PICTURES)
        return Leading.CLOSED if kinds and kinds <= HEVC_IDR else Leading.LOOSE
    if {h264_kind(unit) for unit in units} & set(H264_PICTURES) == {IDR}:
        return Leading.CLOSED
    for number in leading.tolist():
        _, units = read_units(path, track, number)
        if any(h264_kind(unit) in H264_PICTURES and is_reference(unit) for unit in units):
            return Leading.TIED
    return Leading.LOOSE


def read_units(path: Path, track: TrackIndex, number: int) -> tuple[Configuration, list[bytes]]:
    """Read the units of one sample.

    Raises:
        Unencodable: the codec is another one than H.264 and H.265, or the sample is damaged.
        OSError: the file cannot be read.
    """
    sample = track.table.samples(number, number + 1)
    config = read_configuration(track.entries[int(sample.entry[0])])
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = min(int(sample.size[0]), LARGEST_SAMPLE)
        return config, split_sample(os.pread(file, size, int(sample.at[0])), config.length_size)
    finally:
        os.close(file)
