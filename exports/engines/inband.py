"""Parameter sets put into the stream before each keyframe, where a file has several sample entries.

Players should take them from the entry that a sample names (ISO/IEC 14496-12 section 8.5.2), but
Chromium uses those of the first one for all. H.264 decoders take sets from the stream as well
(14496-10 section 7.4.1.2.1), whether or not they know them already.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from exports.engines.spliced import Blob, Part, Range
from vms.media.mp4.index import TrackIndex
from vms.media.mp4.table import Array, Ints, Spans, Table, pack
from vms.media.smart.configuration import read_avc, read_configuration
from vms.media.smart.source import Unencodable
from vms.media.smart.units import join_sample


class Insertions:
    """What is put into one slice: sets before each keyframe of its pictures.

    `at` are the offsets of the keyframes in the segment, rising, `data` what goes before each.
    """

    def __init__(self, track: TrackIndex, table: Table) -> None:
        samples = table.samples()
        keys = np.flatnonzero(samples.sync)
        keys = keys[np.argsort(samples.at[keys], kind="stable")]
        sets = [parameter_sets(entry) for entry in track.entries]
        self.keys = keys
        self.at = samples.at[keys]
        self.data = [sets[number] for number in samples.entry[keys]]
        self.lengths = np.array([len(data) for data in self.data], np.int64)
        self.before = np.concatenate(([0], np.cumsum(self.lengths)))

    @property
    def total(self) -> int:
        return int(self.before[-1])

    def places(self, spans: Spans, at: Array, base: int) -> Ints:
        """Return where bytes of the segment come to lie; a keyframe begins with its sets."""
        return spans.places(at, base) + self.before[np.searchsorted(self.at, at)]

    def pictures(self, spans: Spans, table: Table, base: int) -> Table:
        """Return the table of the pictures with their sets, at their places in the result."""
        samples = table.samples()
        size = samples.size.astype(np.int64)
        size[self.keys] += self.lengths
        return pack(replace(samples, at=self.places(spans, samples.at, base), size=size))

    def sound(self, spans: Spans, table: Table, base: int) -> Table:
        return replace(table, chunk_at=self.places(spans, table.chunk_at, base))

    def parts(self, segment: int, spans: Spans) -> list[Part]:
        """List what the slice is made of."""
        found: list[Part] = []
        number = 0
        for begin, length in zip(spans.begin.tolist(), spans.length.tolist(), strict=True):
            at = begin
            while number < len(self.at) and self.at[number] < begin + length:
                cut = int(self.at[number])
                if cut > at:
                    found.append(Range(segment, at, cut - at))
                found.append(Blob(self.data[number]))
                at, number = cut, number + 1
            found.append(Range(segment, at, begin + length - at))
        return found


@lru_cache(maxsize=64)
def parameter_sets(entry: bytes) -> bytes:
    """Return the sets of a sample entry as they go before a sample, none if it is not of H.264."""
    try:
        config = read_configuration(entry)
        if config.codec != "h264":
            return b""
        record = read_avc(config.record)
    except Unencodable:
        return b""
    return join_sample([*record.sps, *record.pps], config.length_size)
