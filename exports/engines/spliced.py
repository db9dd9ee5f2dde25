"""What the splice engine makes: a file that is a header and ranges of segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Range:
    """Bytes of a segment's file."""

    segment: int
    offset: int
    length: int


@dataclass(frozen=True)
class Blob:
    """Bytes that lie in no segment: pictures coded anew, padding."""

    data: bytes = field(repr=False)

    @property
    def length(self) -> int:
        return len(self.data)


# What a file is made of, in order.
Part = Range | Blob


@dataclass(frozen=True)
class SplicedFile:
    """A whole file without a copy of it: a header, then ranges of segments and own bytes.

    `states` holds size and time of change (ns) of each segment as it was planned with, `begins`
    when it begins, both by its id. `added` counts the bytes of media that are in no plan.
    """

    header: bytes
    ranges: tuple[Part, ...]
    states: Mapping[int, tuple[int, int]]
    begins: Mapping[int, datetime]
    added: int = 0

    @property
    def size(self) -> int:
        return len(self.header) + sum(part.length for part in self.ranges)

    @property
    def segments(self) -> list[int]:
        """The ids of the segments that are read, each once, in the order of first use."""
        return list(dict.fromkeys(p.segment for p in self.ranges if isinstance(p, Range)))
