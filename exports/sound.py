"""The sound of an export: which packets, so that none is heard twice and none too late. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exports.clock import scale, scale_one
from exports.cutting import HOLD_NS, Span, spoken
from exports.trimming import Draft
from vms.media.probe import Track


class Sound:
    """Chooses the sound packets of one slice after the other, none twice and none backwards.

    Sound and picture of a segment do not begin and end together, so between segments that follow
    each other the sound runs on: up to where the next one's begins, from where the last one's
    ended. At the edges of the interval and of gaps it is bounded by the pictures; behind a gap
    that may be left out no packet begins before the last one ahead of it.
    """

    def __init__(self, drafts: Sequence[Draft]) -> None:
        tracks = (draft.placed.segment.media.audio for draft in drafts)
        self.config = next((track.config for track in tracks if track), None)
        self.end = self.pictures_end = drafts[0].begin
        self.stop = drafts[-1].end
        self.fresh = True
        self.told = False
        self.last: int | None = None
        self.floor: int | None = None

    def span(self, draft: Draft, following: Draft | None, warnings: list[str]) -> Span:
        """Return the packets of *draft* that sound until *following* begins."""
        follows = draft.begin - self.pictures_end <= HOLD_NS
        if not follows:
            self.end, self.fresh = draft.begin, True
            if self.last is not None:
                self.floor = draft.begin + self.last - self.pictures_end
        self.pictures_end = draft.end
        track = draft.placed.segment.media.audio
        if track is None:
            return Span(0, 0)
        if track.config != self.config:
            if not self.told:
                warnings.append(f"{spoken(draft.placed)}: its sound has another format, left out")
            self.told = True
            return Span(0, 0)
        limit = self.limit(draft, following)
        whole = self.take_whole(draft, track, limit)
        return whole or self.take_part(draft, track, limit)

    def take_whole(self, draft: Draft, track: Track, limit: int) -> Span | None:
        """Take all packets of a segment if all are needed, without looking at each."""
        known, base, zero = track.summary, track.time_base, wall_zero(draft)
        first = zero + scale_one(known.first, base)
        lasts = scale_one(known.first_duration, base)
        heard = first + (lasts if self.fresh else lasts // 2)
        latest = zero + scale_one(known.latest, base)
        if heard <= self.end or latest >= limit or not self.is_behind(first):
            return None
        self.end, self.last, self.fresh = zero + scale_one(known.end, base), latest, False
        return Span(0, len(track))

    def is_behind(self, begin: int) -> bool:
        return self.floor is None or begin > self.floor

    def take_part(self, draft: Draft, track: Track, limit: int) -> Span:
        times = wall_zero(draft) + scale(track.pts, track.time_base)
        ends = times + scale(track.duration, track.time_base)
        # At a fresh begin a packet that has begun is needed; later it would sound twice.
        heard = ends if self.fresh else (times + ends) // 2
        wanted = (heard > self.end) & (times < limit)
        if self.floor is not None:
            wanted &= times > self.floor
        inside = np.flatnonzero(wanted)
        if len(inside) == 0:
            return Span(0, 0)
        self.end, self.last, self.fresh = int(ends[inside[-1]]), int(times[inside[-1]]), False
        return Span(int(inside[0]), int(inside[-1]) + 1)

    def limit(self, draft: Draft, following: Draft | None) -> int:
        """Return the wall time at which the sound of *draft* has to stop."""
        if following is None or following.begin - draft.end > HOLD_NS:
            return draft.end
        track = following.placed.segment.media.audio
        if track is None or track.config != self.config:
            return draft.end
        begin = wall_zero(following) + scale_one(track.summary.first, track.time_base)
        return min(begin, self.stop)


def wall_zero(draft: Draft) -> int:
    """Return the wall time of the zero of a draft's own clock."""
    video = draft.placed.segment.media.video
    return draft.placed.begin - scale_one(video.summary.begin, video.time_base)
