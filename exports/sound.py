"""The sound of an export: which packets, so that none is heard twice and none too late. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exports.clock import NS, Nanoseconds, scale
from exports.cutting import HOLD_NS, Draft, Span, spoken


class Sound:
    """Chooses the sound packets of one slice after the other, none twice and none backwards.

    Sound and picture of a segment do not begin and end together, so between segments that follow
    each other the sound runs on: up to where the next one's begins, from where the last one's
    ended. At the edges of the interval and of gaps it is bounded by the pictures.
    """

    def __init__(self, drafts: Sequence[Draft]) -> None:
        tracks = (draft.placed.segment.media.audio for draft in drafts)
        self.config = next((track.config for track in tracks if track), None)
        self.end = drafts[0].begin
        self.fresh = True
        self.told = False

    def span(self, draft: Draft, following: Draft | None, warnings: list[str]) -> Span:
        """Return the packets of *draft* that sound until *following* begins."""
        track = draft.placed.segment.media.audio
        if track is None:
            return Span(0, 0)
        if track.config != self.config:
            if not self.told:
                warnings.append(f"{spoken(draft.placed)}: its sound has another format, left out")
            self.told = True
            return Span(0, 0)
        times = sound_times(draft)
        ends = times + scale(track.duration, track.time_base)
        if draft.begin - self.end > HOLD_NS:
            self.end, self.fresh = draft.begin, True
        # At a fresh begin a packet that has begun is needed; later it would sound twice.
        heard = ends if self.fresh else (times + ends) // 2
        inside = np.flatnonzero((heard > self.end) & (times < self.limit(draft, following)))
        if len(inside) == 0:
            return Span(0, 0)
        self.end, self.fresh = int(ends[inside[-1]]), False
        return Span(int(inside[0]), int(inside[-1]) + 1)

    def limit(self, draft: Draft, following: Draft | None) -> int:
        """Return the wall time at which the sound of *draft* has to stop."""
        if following is None or following.begin - draft.end > HOLD_NS:
            return draft.end
        track = following.placed.segment.media.audio
        if track is None or track.config != self.config:
            return draft.end
        return int(sound_times(following)[0])


def sound_times(draft: Draft) -> Nanoseconds:
    """Return the wall times of a draft's sound packets."""
    media = draft.placed.segment.media
    assert media.audio is not None  # noqa: S101 - the callers looked
    origin = round(media.video.begin * NS)
    return scale(media.audio.pts, media.audio.time_base) - origin + draft.placed.begin
