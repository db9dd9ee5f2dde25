"""Decoder configurations: reading a sample entry's, and making one for pictures encoded anew.

H.264 has an id in every parameter set, so one record holds the sets of the recording and ours and
one sample entry serves the whole track. x265 cannot choose ids, so H.265 gets an entry of its own.

ISO/IEC 14496-15 sections 5.3.3 (`avcC`) and 8.3.3 (`hvcC`); 14496-12 section 12.1.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from vms.media.mp4.atoms import Malformed, children
from vms.media.smart.source import Unencodable
from vms.media.smart.units import (
    HEVC_SETS,
    HEVC_SPS,
    PPS,
    SPS,
    h264_kind,
    hevc_kind,
    pps_id,
    sps_id,
)

# From the begin of the entry's box to the boxes inside it.
FIXED = 86
CODECS = {
    b"avc1": ("h264", b"avcC"),
    b"avc3": ("h264", b"avcC"),
    b"hvc1": ("hevc", b"hvcC"),
    b"hev1": ("hevc", b"hvcC"),
}
HIGH_PROFILES = {100, 110, 122, 144, 244}
MOST_SPS, MOST_PPS = 31, 255
PREFERRED_IDS: tuple[int, ...] = (*range(1, 32), 0)
HVCC_HEAD = 23
DAMAGED = "the parameters of the pictures are damaged"


@dataclass(frozen=True)
class Configuration:
    """What a sample entry says of its codec; `record` is the content of `avcC` or `hvcC`."""

    codec: str
    entry: bytes
    record: bytes
    length_size: int


@dataclass(frozen=True)
class AvcRecord:
    """The fields of `avcC`; `tail` is what profiles from High on have behind the sets."""

    profile: int
    compatibility: int
    level: int
    lengths: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    tail: bytes


def read_configuration(entry: bytes) -> Configuration:
    """Read the sample entry of a video track.

    Raises:
        Unencodable: the codec is another one, or the entry is damaged.
    """
    known = CODECS.get(entry[4:8])
    if known is None:
        raise Unencodable("its codec is neither H.264 nor H.265")
    codec, name = known
    try:
        boxes = dict(children(memoryview(entry)[FIXED:]))
    except Malformed as error:
        raise Unencodable(DAMAGED) from error
    record = bytes(boxes.get(name, b""))
    if len(record) < (HVCC_HEAD if codec == "hevc" else 7):
        raise Unencodable(DAMAGED)
    lengths = record[21] if codec == "hevc" else record[4]
    return Configuration(codec, entry, record, (lengths & 3) + 1)


def read_avc(record: bytes) -> AvcRecord:
    """Read the content of an `avcC` box.

    Raises:
        Unencodable: a set reaches past its end.
    """
    sps, at = read_sets(record, 6, record[5] & 0x1F)
    if at >= len(record):
        raise Unencodable(DAMAGED)
    pps, at = read_sets(record, at + 1, record[at])
    profile, compatibility, level, lengths = record[1:5]
    return AvcRecord(profile, compatibility, level, lengths, sps, pps, record[at:])


def read_sets(record: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    sets = []
    for _ in range(count):
        length = int.from_bytes(record[at : at + 2], "big")
        found = record[at + 2 : at + 2 + length]
        if not found or len(found) < length:
            raise Unencodable(DAMAGED)
        sets.append(found)
        at += 2 + length
    return tuple(sets), at


def free_id(record: AvcRecord, in_band: Iterable[bytes]) -> int:
    """Choose an id that no set of the recording has; x264 gives both of its sets the same one.

    Raises:
        Unencodable: all 32 are taken.
    """
    units = [*record.sps, *record.pps, *in_band]
    taken = {sps_id(unit) for unit in units if h264_kind(unit) == SPS}
    taken |= {pps_id(unit) for unit in units if h264_kind(unit) == PPS}
    for number in PREFERRED_IDS:
        if number not in taken:
            return number
    raise Unencodable("its pictures use every parameter set")


def joined_entry(source: Configuration, own: list[bytes]) -> bytes:
    """Return the sample entry of H.264 with *own* parameter sets beside the recording's.

    Raises:
        Unencodable: there would be more sets than the record can count.
    """
    record = read_avc(source.record)
    own_sps = [unit for unit in own if h264_kind(unit) == SPS]
    sps = merged(record.sps, own_sps, sps_id)
    pps = merged(record.pps, [unit for unit in own if h264_kind(unit) == PPS], pps_id)
    if len(sps) > MOST_SPS or len(pps) > MOST_PPS:
        raise Unencodable("its pictures use too many parameter sets")
    compatibility, level = record.compatibility, record.level
    for unit in own_sps:
        compatibility, level = compatibility & unit[2], max(level, unit[3])
    both = replace(record, sps=sps, pps=pps, compatibility=compatibility, level=level)
    return with_record(source.entry, source.entry[4:8], b"avcC", write_avc(both))


def merged(
    theirs: Iterable[bytes], ours: Iterable[bytes], number: Callable[[bytes], int]
) -> tuple[bytes, ...]:
    return tuple(sorted((*theirs, *ours), key=number))


def write_avc(record: AvcRecord) -> bytes:
    head = bytes((1, record.profile, record.compatibility, record.level, record.lengths))
    tail = record.tail or (high_tail() if record.profile in HIGH_PROFILES else b"")
    return b"".join(
        (
            head,
            bytes((0xE0 | len(record.sps),)),
            *map(counted, record.sps),
            bytes((len(record.pps),)),
            *map(counted, record.pps),
            tail,
        )
    )


def high_tail() -> bytes:
    """Write what many muxers leave out: 4:2:0, eight bits, no extensions."""
    return bytes((0xFC | 1, 0xF8, 0xF8, 0))


def counted(unit: bytes) -> bytes:
    return len(unit).to_bytes(2, "big") + unit


def own_entry(source: Configuration, own: list[bytes]) -> bytes:
    """Return a sample entry of H.265 with *own* parameter sets only.

    Profile, tier and level are those of our sequence parameter set (23008-2 section 7.3.3), which
    lie there as they lie in `hvcC`; chroma and bit depth are the recording's. So is the entry's
    name: demuxers ignore a second entry of another.

    Raises:
        Unencodable: the encoder gave no sequence parameter set.
    """
    sps = next((unit for unit in own if hevc_kind(unit) == HEVC_SPS), None)
    if sps is None:
        raise Unencodable("the encoder gave no parameters")
    general = sps[2:].replace(b"\0\0\3", b"\0\0")[1:13]
    segmentation = b"\xf0\x00\xfc"  # no least size, no known parallelism
    depths = source.record[16:19]
    layers = bytes((1 << 3 | 1 << 2 | source.record[21] & 3,))  # one layer, nested
    sets = [own_array(own, kind) for kind in HEVC_SETS]
    record = b"".join(
        (b"\1", general, segmentation, depths, bytes(2), layers, bytes((len(sets),)), *sets)
    )
    return with_record(source.entry, source.entry[4:8], b"hvcC", record)


def own_array(own: list[bytes], kind: int) -> bytes:
    units = [unit for unit in own if hevc_kind(unit) == kind]
    return struct.pack(">BH", 0x80 | kind, len(units)) + b"".join(map(counted, units))


def with_record(entry: bytes, name: bytes, kind: bytes, record: bytes) -> bytes:
    """Return *entry* with another name and another configuration, all else as it was."""
    parts = [entry[8:FIXED]]
    for inside, old in children(memoryview(entry)[FIXED:]):
        content = record if inside == kind else bytes(old)
        parts.append(struct.pack(">I4s", 8 + len(content), inside) + content)
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body
