"""Silence where a playlist has pictures and no sound: players jump over what has not both.

Frames of AAC that hold nothing are as small as these (ISO/IEC 14496-3 section 4.4.2.1,
`raw_data_block`); other codecs have none that we know.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exports.clock import NS
from exports.engines.spliced import Blob, Part
from vms.media.mp4.atoms import children
from vms.media.mp4.entries import AUDIO_FIXED, decoder_config, read_entry
from vms.media.mp4.index import TrackIndex
from vms.media.mp4.table import Samples, join_samples

# By the number of channels: elements of silence, each byte aligned at the end.
FRAMES = {
    1: bytes.fromhex("00c800802380"),
    2: bytes.fromhex("210049900219002380"),
}
AAC_LC = 2
# Players bear with less, and packets rarely begin and end with pictures.
LEAST_FRAMES = 2


def silence_for(track: TrackIndex, clock: int) -> Silence | None:
    """Make what fills the pauses of a track of sound, in ticks of *clock*; None if nothing can."""
    frame = silent_frame(track.entries[0])
    if frame is None:
        return None
    ticks = int(np.median(track.table.duration)) * clock // track.timescale
    return Silence(frame, max(1, ticks), clock)


def silent_frame(entry: bytes) -> bytes | None:
    """Return a packet of silence for the sound of a sample entry, None if there is none."""
    if read_entry(entry, "audio").codec != "aac":
        return None
    bodies = [body for box, body in children(memoryview(entry)[AUDIO_FIXED:]) if box == b"esds"]
    specific = decoder_config(bytes(bodies[0]))[1] if bodies else b""
    # AudioSpecificConfig (14496-3 section 1.6.2.1): object type, rate, channels in 5, 4, 4 bits.
    bits = int.from_bytes(specific[:2].ljust(2, b"\0"), "big")
    return FRAMES.get(bits >> 3 & 15) if bits >> 11 == AAC_LC else None


class Silence:
    """Packets of silence, each *ticks* of *clock* long, wherever there is nothing else."""

    def __init__(self, frame: bytes, ticks: int, clock: int) -> None:
        self.frame = frame
        self.ticks = ticks
        self.clock = clock
        self.until = 0

    def fill(self, placed: dict[str, Samples], media: list[Part], end_ns: int) -> None:
        """Fill the pauses of a fragment's sound up to *end_ns*, and add the bytes to its media."""
        end = end_ns // NS * self.clock + end_ns % NS * self.clock // NS
        size = sum(one.length for one in media)
        found: list[Samples] = []
        count = 0
        for some, until in stretches(placed.get("audio"), end):
            if some is not None:
                found.append(some)
                self.until = int(some.decoded[-1]) + int(some.duration[-1])
            if (more := (until - self.until) // self.ticks) >= LEAST_FRAMES:
                found.append(self.samples(more, size + count * len(self.frame)))
                count += more
                self.until += more * self.ticks
        if count:
            placed["audio"] = join_samples(*found)
            media.append(Blob(self.frame * count))

    def samples(self, count: int, at: int) -> Samples:
        """Describe packets of silence that lie *at* in the media, from where we are on."""
        size = len(self.frame)
        return Samples(
            at=np.arange(count, dtype=np.int64) * size + at,
            size=np.full(count, size, np.int64),
            decoded=np.arange(count, dtype=np.int64) * self.ticks + self.until,
            offset=np.zeros(count, np.int64),
            duration=np.full(count, self.ticks, np.int64),
            entry=np.zeros(count, np.int64),
            sync=np.ones(count, np.bool_),
        )


def stretches(heard: Samples | None, end: int) -> Iterator[tuple[Samples | None, int]]:
    """Yield what is heard, and until which tick nothing is behind it; at first nothing is heard."""
    yield None, end if heard is None else int(heard.decoded[0])
    if heard is not None:
        yield heard, end
