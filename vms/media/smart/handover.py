"""Where copying can begin after pictures encoded anew.

H.264 allows other parameter sets to take over only at an IDR picture (14496-10 section 7.4.1.2.1),
after which nothing refers back. H.265 allows it at every random access picture that begins a coded
sequence (23008-2 section 7.4.2.4): IDR and BLA do, CRA does behind an end-of-sequence unit. Of
these the pictures shown before them ("leading") are left out of the copy and encoded anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vms.media.smart.configuration import Configuration
from vms.media.smart.source import Ints, Reader, Source, Unencodable
from vms.media.smart.units import (
    H264_PICTURES,
    HEVC_IDR,
    HEVC_PICTURES,
    HEVC_RANDOM_ACCESS,
    IDR,
    h264_kind,
    hevc_kind,
    is_reference,
    split_sample,
)

NOTHING: Ints = np.empty(0, np.int64)


@dataclass(frozen=True)
class Handover:
    """Copying begins with sample `first` (their number when nothing is copied) without `skipped`.

    `ends_sequence` says that an end-of-sequence unit must come before it.
    """

    first: int
    skipped: Ints
    ends_sequence: bool = False


def find_handover(
    reader: Reader, config: Configuration, begin: int, end: int, *, follows: bool
) -> Handover:
    """Find the first keyframe shown in `[begin, end)` that copying can begin with.

    With *follows*, pictures encoded anew are right before sample 0.

    Raises:
        Unencodable: a keyframe is damaged, or *follows* and the segment opens with pictures that
            depend on the one before.
    """
    source = reader.source
    for index in np.flatnonzero(source.sync).tolist():
        at = int(source.shown[index])
        if at >= end:
            break
        if at < begin or (index and int(source.shown[:index].max()) > at):
            continue
        leading = leading_pictures(source, index)
        if follows and index == 0 and len(leading):
            raise Unencodable("its pictures depend on the segment before")
        found = judge(reader, config, index, leading, alone=index == 0 and not follows)
        if found is not None:
            return found
    return Handover(len(source), NOTHING)


def leading_pictures(source: Source, keyframe: int) -> Ints:
    """List the samples decoded after the keyframe and shown before it."""
    return np.flatnonzero(source.shown[keyframe:] < source.shown[keyframe]) + keyframe


def judge(
    reader: Reader, config: Configuration, index: int, leading: Ints, *, alone: bool
) -> Handover | None:
    """Say how copying begins with this keyframe, None if it cannot.

    *alone* says that nothing comes before it: any keyframe can begin a track.
    """
    if config.codec == "hevc":
        kinds = {hevc_kind(unit) for unit in units(reader, config, index)}
        pictures = kinds & set(HEVC_PICTURES)
        if not pictures or not pictures <= set(HEVC_RANDOM_ACCESS):
            return None
        return Handover(index, leading, ends_sequence=not pictures <= HEVC_IDR)
    if alone:
        droppable = all(disposable(reader, config, one) for one in leading.tolist())
        return Handover(index, leading) if droppable else None
    kinds = {h264_kind(unit) for unit in units(reader, config, index)}
    is_idr = kinds & set(H264_PICTURES) == {IDR}
    return Handover(index, NOTHING) if is_idr and not len(leading) else None


def disposable(reader: Reader, config: Configuration, index: int) -> bool:
    """Say whether no picture depends on this one (H.264)."""
    pictures = [unit for unit in units(reader, config, index) if h264_kind(unit) in H264_PICTURES]
    return not any(is_reference(unit) for unit in pictures)


def units(reader: Reader, config: Configuration, index: int) -> list[bytes]:
    return split_sample(reader.read(index), config.length_size)
