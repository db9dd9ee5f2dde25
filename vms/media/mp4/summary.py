"""What of a track can be told without its samples: enough to plan with a segment used whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vms.media.mp4.table import Ints, Table


@dataclass(frozen=True, slots=True)
class Summary:
    """What most plans need to know of a track, in ticks of its own clock where it is a time.

    `first` is when the first sample in decode order is presented and `first_duration` how long,
    `begin` and `end` bound what is presented, `latest` is when the last of all samples begins.
    `first_key` numbers the first keyframe, -1 when there is none; `hidden` counts samples that
    the file's own edit list never shows; `bytes` is the sum of sizes.
    """

    count: int
    bytes: int
    first: int
    first_duration: int
    begin: int
    latest: int
    end: int
    first_key: int
    hidden: int


def summarise(table: Table, origin: int, length: int | None) -> Summary:
    """Sum up a track; looks at single samples only where runs do not tell."""
    if not len(table):
        return Summary(0, 0, 0, 0, 0, 0, 0, -1, 0)
    ticks, last = table.ticks, table.last_duration
    first = table.decoded_from - origin
    latest = first + ticks - last
    begin, end, hidden = first, latest + last, 0
    is_plain = not len(table.shift_ticks) and int(table.step_ticks.min()) > 0
    lasts = int(table.step_ticks[0])
    if not is_plain or first + lasts <= 0 or (length is not None and latest >= length):
        at = table.decoded + table.offset - origin
        duration = fill_durations(at, table.duration)
        away = hidden_samples(at, duration, length)
        shown = ~away if not away.all() else away
        first, latest, hidden = int(at[0]), int(at.max()), int(np.count_nonzero(away))
        begin, end = int(at[shown].min()), int((at + duration)[shown].max())
        lasts = int(duration[0])
    first_key = 0
    if table.sync is not None:
        first_key = int(table.sync[0]) if len(table.sync) else -1
    size = int(table.size.sum(dtype=np.int64))
    return Summary(len(table), size, first, lasts, begin, latest, end, first_key, hidden)


def hidden_samples(at: Ints, duration: Ints, length: int | None) -> NDArray[np.bool_]:
    """Say which samples, shown *at*, an edit list of *length* ticks hides.

    Each is on screen until the next is shown, whatever lies between in decode order; the last one
    for its *duration*.
    """
    order = np.argsort(at, kind="stable")
    until = np.empty_like(at)
    until[order[:-1]] = at[order[1:]]
    until[order[-1]] = at[order[-1]] + duration[order[-1]]
    hidden = until <= 0
    return hidden if length is None else hidden | (at >= length)


def fill_durations(shown: Ints, duration: Ints) -> Ints:
    """Replace durations of zero by the distance to the next sample shown."""
    if (duration > 0).all() or len(shown) == 1:
        return np.maximum(duration, 1)
    order = np.argsort(shown, kind="stable")
    step = np.diff(shown[order])
    filled = duration.copy()
    filled[order] = np.where(
        duration[order] > 0, duration[order], np.append(step, int(np.median(step)))
    )
    return np.maximum(filled, 1)
