"""What the splice engine makes: a file that is a header and ranges of segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Range:
    """Bytes of a segment's file."""

    segment: int
    offset: int
    length: int


@dataclass(frozen=True)
class SplicedFile:
    """A whole file without a copy of it: a header, then ranges of segments.

    `states` holds size and time of change (ns) of each segment as it was planned with, `begins`
    when it begins, both by its id.
    """

    header: bytes
    ranges: tuple[Range, ...]
    states: Mapping[int, tuple[int, int]]
    begins: Mapping[int, datetime]

    @property
    def size(self) -> int:
        return len(self.header) + sum(part.length for part in self.ranges)
