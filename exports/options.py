"""What a file is asked to be, besides stream and interval."""

from __future__ import annotations

from dataclasses import dataclass

from exports.terms import Cut, Gaps


@dataclass(frozen=True)
class Options:
    """Two orders with the same options want the same file.

    `transcode` allows footage whose codec changes midway to be encoded anew into one; otherwise
    such an interval is refused. A container that cannot hold a codec has it encoded anew anyway.
    """

    container: str = "mp4"
    cut: Cut = Cut.EXACT
    gaps: Gaps = Gaps.COLLAPSE
    transcode: bool = False

    @property
    def fingerprint(self) -> str:
        return f"{self.container}:{self.cut}:{self.gaps}:{'any' if self.transcode else 'one'}"
