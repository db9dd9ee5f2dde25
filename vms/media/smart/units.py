"""NAL units: splitting and joining them, and the few of their fields a cut depends on.

ISO/IEC 14496-10 (H.264) sections 7.3.1, 7.3.2 and annex B; 23008-2 (H.265) section 7.3.1;
14496-15 section 5.3.4.2 for units behind their length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vms.media.smart.source import Unencodable

START_CODE = re.compile(b"\0\0\1")
# Enough bytes of a unit to hold the ids at its begin.
HEAD = 32

# H.264 (table 7-1)
IDR, SPS, PPS = 5, 7, 8
# slice_type, modulo five (table 7-6): I and SI
INTRA_SLICES = {2, 4}
H264_PICTURES = range(1, 6)
# H.265 (table 7-1)
HEVC_VPS, HEVC_SPS, HEVC_PPS = 32, 33, 34
HEVC_SETS = (HEVC_VPS, HEVC_SPS, HEVC_PPS)
HEVC_PICTURES = range(32)
HEVC_IDR = {19, 20}
HEVC_RANDOM_ACCESS = range(16, 22)
HEVC_END_OF_SEQUENCE = bytes((36 << 1, 1))


def split_stream(stream: bytes) -> list[bytes]:
    """Split a byte stream (annex B) into its units."""
    begins = [match.end() for match in START_CODE.finditer(stream)]
    ends = [begin - 3 for begin in begins[1:]] + [len(stream)]
    # Zeros before a start code, and at the end, belong to no unit: a unit ends with a set bit.
    units = (stream[begin:end].rstrip(b"\0") for begin, end in zip(begins, ends, strict=True))
    return [unit for unit in units if unit]


def split_sample(sample: bytes, length_size: int) -> list[bytes]:
    """Split a sample into its units.

    Raises:
        Unencodable: a length reaches past the end.
    """
    units, at = [], 0
    while at + length_size <= len(sample):
        length = int.from_bytes(sample[at : at + length_size], "big")
        at += length_size
        if at + length > len(sample):
            raise Unencodable("the pictures are damaged")
        if length:
            units.append(sample[at : at + length])
        at += length
    return units


def join_sample(units: Iterable[bytes], length_size: int) -> bytes:
    """Put units into a sample, each behind its length.

    Raises:
        Unencodable: a unit is longer than the width of lengths allows.
    """
    parts = []
    for unit in units:
        if len(unit) >= 1 << 8 * length_size:
            raise Unencodable("the pictures need wider lengths than the recording has")
        parts += [len(unit).to_bytes(length_size, "big"), unit]
    return b"".join(parts)


def h264_kind(unit: bytes) -> int:
    return unit[0] & 0x1F


def hevc_kind(unit: bytes) -> int:
    return unit[0] >> 1 & 0x3F


def is_reference(unit: bytes) -> bool:
    """Say whether other pictures may depend on the picture of this H.264 unit (`nal_ref_idc`)."""
    return bool(unit[0] & 0x60)


def is_intra(unit: bytes) -> bool:
    """Say whether this slice of H.264 needs no other picture: by `slice_type` (7.3.3, 7.4.3)."""
    if h264_kind(unit) == IDR:
        return True
    bits = "".join(f"{byte:08b}" for byte in plain(unit)[1:])
    for _ in range(2):  # first_mb_in_slice, slice_type
        zeros = len(bits) - len(bits.lstrip("0"))
        value, bits = bits[zeros : 2 * zeros + 1], bits[2 * zeros + 1 :]
    return bool(value) and (int(value, 2) - 1) % 5 in INTRA_SLICES


def sps_id(unit: bytes) -> int:
    """Read the id of an H.264 sequence parameter set: after profile, constraints and level."""
    return exp_golomb(plain(unit)[4:])


def pps_id(unit: bytes) -> int:
    """Read the id of an H.264 picture parameter set."""
    return exp_golomb(plain(unit)[1:])


def plain(unit: bytes) -> bytes:
    """Return the begin of a unit without its emulation prevention bytes (7.4.1)."""
    return unit[:HEAD].replace(b"\0\0\3", b"\0\0")


def exp_golomb(content: bytes) -> int:
    """Read the number `ue(v)` (9.1) at the begin of *content*.

    Raises:
        Unencodable: there is none.
    """
    bits = "".join(f"{byte:08b}" for byte in content[:9])
    zeros = len(bits) - len(bits.lstrip("0"))
    if 2 * zeros + 1 > len(bits):
        raise Unencodable("the parameters of the pictures are damaged")
    return int(bits[zeros : 2 * zeros + 1], 2) - 1
