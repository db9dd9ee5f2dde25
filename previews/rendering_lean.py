"""Which coded pictures need not be decoded on the way to another: no other is decoded from them.

ISO/IEC 14496-10 (H.264) table 7-1 and section 7.4.1 (`nal_ref_idc`); 23008-2 (H.265) table 7-1 and
section 7.4.2.2 (sub-layer non-reference pictures); 14496-15 section 8.3.3 (`numTemporalLayers`).
"""

from __future__ import annotations

from collections.abc import Iterator

from vms.media.smart.configuration import Configuration

# The first bytes of a unit, which say what it is.
HEAD = 2
# H.264: a slice; enhancement information, delimiter, filler.
SLICE, H264_ASIDE = 1, {6, 9, 12}
# H.265: pictures no other of their sub-layer is decoded from; delimiter, filler, enhancement.
UNREFERENCED, HEVC_ASIDE = {0, 2, 4, 6, 8}, {35, 38, 39, 40}


def is_dispensable(sample: bytes, config: Configuration) -> bool:
    """Say whether all others are decoded just the same without *sample*; False in case of doubt."""
    heads = list(unit_heads(sample, config.length_size))
    if config.codec == "hevc":
        return is_dispensable_hevc(heads, (config.record[21] >> 3 & 7) - 1)
    kinds = [head[0] & 0x1F for head in heads]
    slices = [head for head, kind in zip(heads, kinds, strict=True) if kind == SLICE]
    is_plain = all(kind == SLICE or kind in H264_ASIDE for kind in kinds)
    return bool(slices) and is_plain and not any(head[0] & 0x60 for head in slices)


def is_dispensable_hevc(heads: list[bytes], highest: int) -> bool:
    """Judge by the heads of units; those of lower sub-layers than *highest* may be needed there."""
    kinds = [head[0] >> 1 & 0x3F for head in heads]
    pictures = [head for head, kind in zip(heads, kinds, strict=True) if kind in UNREFERENCED]
    is_plain = all(kind in UNREFERENCED or kind in HEVC_ASIDE for kind in kinds)
    return bool(pictures) and is_plain and all((head[1] & 7) - 1 == highest for head in pictures)


def unit_heads(sample: bytes, length_size: int) -> Iterator[bytes]:
    """Yield the first bytes of each unit; what is cut short counts as well."""
    at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + length_size], "big")
        at += length_size
        yield sample[at : at + HEAD].ljust(HEAD, b"\xff")
        at += length
