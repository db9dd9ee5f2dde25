"""Segments that cannot be used: what is said of each, and what is raised when nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exports.errors import Encrypted, NoVideo, Unusable

# By the reasons of `vms.media.probe.UnreadableMedia`; all others are plain damage.
KINDS: dict[str, type[Unusable]] = {
    "the recording is encrypted": Encrypted,
    "the file has no video track": NoVideo,
}


@dataclass(frozen=True)
class Refusal:
    """A segment, by its row's id, that is left out, and why in words."""

    segment: int
    begin: datetime
    reason: str

    @property
    def warning(self) -> str:
        return f"segment of {self.begin:%Y-%m-%d %H:%M:%S} UTC: {self.reason}, left out"


def nothing_left(refusals: Sequence[Refusal]) -> Unusable:
    """Return the error of an export none of whose segments can be used.

    It tells the reason that most of them share, and the first segment it holds for.
    """
    ((reason, count),) = Counter(one.reason for one in refusals).most_common(1)
    first = next(one for one in refusals if one.reason == reason)
    kind = KINDS.get(reason, Unusable)
    more = f" and {count - 1} more" if count > 1 else ""
    return kind(
        f"Nothing in the interval can be exported: {reason} "
        f"(segment {first.segment} of {first.begin:%Y-%m-%d %H:%M:%S} UTC{more}). {kind.cure}",
        first.segment,
    )
