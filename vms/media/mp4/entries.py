"""Sample entries: what codec a track has, and when two entries are the same to a decoder.

ISO/IEC 14496-12 sections 8.5.2, 12.1.3 and 12.2.3; 14496-14 (`esds`); 14496-15 (`avcC`, `hvcC`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from vms.media.mp4.atoms import Malformed, children

# From the begin of the entry's box to the boxes inside it.
VIDEO_FIXED, AUDIO_FIXED = 86, 36
CODECS = {
    b"avc1": "h264",
    b"avc3": "h264",
    b"hvc1": "hevc",
    b"hev1": "hevc",
    b"mp4v": "mpeg4",
    b"av01": "av1",
    b"vp09": "vp9",
    b"jpeg": "mjpeg",
    b"mjpg": "mjpeg",
    b"Opus": "opus",
    b"ac-3": "ac3",
    b"ec-3": "eac3",
    b"fLaC": "flac",
    b".mp3": "mp3",
    b"alaw": "pcm_alaw",
    b"ulaw": "pcm_mulaw",
    b"sowt": "pcm_s16le",
    b"twos": "pcm_s16be",
}
# Object types of `esds` (14496-1 section 7.2.6.6.2).
OBJECTS = {0x40: "aac", 0x66: "aac", 0x67: "aac", 0x68: "aac", 0x69: "mp3", 0x6B: "mp3"}
# ES_Descriptor, DecoderConfigDescriptor, DecoderSpecificInfo (14496-1 section 7.2.6).
STREAM, DECODER, SPECIFIC = 0x03, 0x04, 0x05
ENCRYPTED = {b"encv", b"enca", b"drmi"}
# These differ from file to file of one camera and say nothing to a decoder.
IGNORED = {b"btrt", b"pasp", b"fiel"}


class Encrypted(Malformed):
    """The track is encrypted; nothing can be made of it."""


@dataclass(frozen=True)
class Entry:
    """What a sample entry says: the codec's name, a hash of what a decoder depends on, the size."""

    codec: str
    config: str
    width: int
    height: int


@lru_cache(maxsize=1024)
def read_entry(entry: bytes, kind: str) -> Entry:
    """Read a sample entry of a `video` or `audio` track.

    Raises:
        Encrypted: the track is encrypted. Malformed: the entry is cut short.
    """
    name = entry[4:8]
    if name in ENCRYPTED:
        raise Encrypted("an encrypted track")
    fixed = VIDEO_FIXED if kind == "video" else AUDIO_FIXED
    if len(entry) < fixed:
        raise Malformed("a sample entry that ends too soon")
    codec = CODECS.get(name, name.decode("latin-1").strip().lower())
    parts = [codec.encode(), entry[16:fixed] if kind == "audio" else entry[32:36]]
    for box, body in children(memoryview(entry)[fixed:]):
        if box == b"esds":
            object_type, specific = decoder_config(bytes(body))
            codec = OBJECTS.get(object_type, codec)
            parts += [codec.encode(), specific]
        elif box not in IGNORED:
            parts += [box, bytes(body)]
    width = int.from_bytes(entry[32:34], "big") if kind == "video" else 0
    height = int.from_bytes(entry[34:36], "big") if kind == "video" else 0
    return Entry(codec, hashlib.sha256(repr(parts).encode()).hexdigest()[:32], width, height)


def decoder_config(body: bytes) -> tuple[int, bytes]:
    """Read object type and decoder-specific bytes of an `esds` box; bit rates are left out."""
    at = 4
    object_type, specific = 0, b""
    while at < len(body):
        tag, length, at = descriptor(body, at)
        if tag == STREAM:  # its id and flags, then descriptors
            at += 3
        elif tag == DECODER:  # type, stream type, buffer, rates
            object_type = body[at] if at < len(body) else 0
            at += 13
        elif tag == SPECIFIC:
            specific = body[at : at + length]
            at += length
        else:
            at += length
    return object_type, specific


def descriptor(body: bytes, at: int) -> tuple[int, int, int]:
    """Read tag and length of a descriptor (14496-1 section 8.3.3); returns where its body is."""
    tag, length, at = body[at], 0, at + 1
    for _ in range(4):
        if at >= len(body):
            break
        byte, at = body[at], at + 1
        length = length << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    return tag, length, at
