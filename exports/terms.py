"""What orders and plans agree on: how a file is cut, what a gap is, what becomes of one. Pure.

Apart from what obeys it: the web process needs the words and none of the media libraries.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

# Between two segments the picture before is held for so long; anything longer is a gap.
HOLD = timedelta(milliseconds=200)


class Cut(StrEnum):
    """Where the file begins: at the very picture asked for, or at the keyframe before it.

    A smart cut is exact and hides nothing: the pictures before the first whole group are encoded
    anew.
    """

    EXACT = "exact"
    KEYFRAME = "keyframe"
    SMART = "smart"


class Gaps(StrEnum):
    """What becomes of time without footage between pictures; before and after them is none."""

    COLLAPSE = "collapse"
    KEEP = "keep"
    FAIL = "fail"


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"
