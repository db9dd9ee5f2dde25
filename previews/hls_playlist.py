"""The text of a VOD playlist whose entries are stretches of one file (RFC 8216)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from previews.recipes import MEDIA_NAME


@dataclass(frozen=True)
class Fragment:
    """One entry of the playlist: bytes of the file, and what it shows."""

    offset: int
    length: int
    begin: datetime
    seconds: Fraction
    init: int
    is_break: bool
    is_independent: bool


def lines(
    fragments: Sequence[Fragment], inits: Sequence[tuple[int, int]], start: float
) -> Iterator[str]:
    """Write the playlist, line by line; *start* is where to begin playing, in seconds."""
    longest = max(fragment.seconds for fragment in fragments)
    yield "#EXTM3U"
    yield "#EXT-X-VERSION:7"
    yield f"#EXT-X-TARGETDURATION:{max(1, round(longest + Fraction(1, 2)))}"
    yield "#EXT-X-PLAYLIST-TYPE:VOD"
    if all(fragment.is_independent for fragment in fragments):
        yield "#EXT-X-INDEPENDENT-SEGMENTS"
    if start > 0:
        yield f"#EXT-X-START:TIME-OFFSET={start:.6f},PRECISE=YES"
    init: int | None = None
    for number, fragment in enumerate(fragments):
        if fragment.is_break:
            yield "#EXT-X-DISCONTINUITY"
        if fragment.init != init:
            init = fragment.init
            offset, length = inits[init]
            yield f'#EXT-X-MAP:URI="{MEDIA_NAME}",BYTERANGE="{length}@{offset}"'
        if fragment.is_break or number == 0:
            yield f"#EXT-X-PROGRAM-DATE-TIME:{fragment.begin:%Y-%m-%dT%H:%M:%S.%f}Z"
        yield f"#EXTINF:{float(fragment.seconds):.6f},"
        yield f"#EXT-X-BYTERANGE:{fragment.length}@{fragment.offset}"
        # An address of its own each: ffmpeg 9 ends after the first of several stretches of one.
        yield f"{MEDIA_NAME}?part={number + 1}"
    yield "#EXT-X-ENDLIST"
