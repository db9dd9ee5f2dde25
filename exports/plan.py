"""What goes into a file: from segments and an interval to an exact list of packets. Pure.

Times are whole nanoseconds. *Wall* times count from the asked begin, *output* times from the
first picture shown in the result. Every segment is placed by its own wall clock, so errors of one
never move the next (`docs/design/export-plan.md`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cameras.timeline import Interval
from exports.clock import Nanoseconds, between, nanoseconds, scale, scale_one
from exports.cutting import HOLD_NS, SegmentMedia, Span, choose_segments
from exports.errors import CodecChanged, HasGaps, NoFootage
from exports.lending import lenders
from exports.sound import Sound
from exports.terms import HOLD, Cut, Gaps
from exports.trimming import Draft, draft_all
from vms.media.probe import Track


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """Pictures encoded anew that take the place of a slice's first or last ones.

    `data` holds them behind one another, of `size` bytes each, in decode order; times are in ticks
    of the segment's own clock. `entry` is their sample entry; if `replaces` is one of the
    segment's, it is good for the samples of that one too and takes its place.
    """

    data: bytes = field(repr=False)
    size: Nanoseconds
    decoded: Nanoseconds
    shown: Nanoseconds
    duration: Nanoseconds
    sync: NDArray[np.bool_]
    entry: bytes
    replaces: bytes | None


@dataclass(frozen=True, slots=True)
class Slice:
    """The used part of one segment: the packets of `video` but for those `skipped`, and `audio`.

    A packet with presentation time `t` seconds on the file's clock is presented at
    `t - origin` seconds plus `offset_ns` in the result; negative results are lead-in, hidden.
    `begin` and `end` bound what is shown, as wall clock, `at_ns` and `end_ns` in the result; one
    that lies before the interval shows nothing. `hides` says that it decodes pictures before its
    begin though others are shown there. `opening` goes before the packets of `video`, `closing`
    behind them.
    """

    segment: SegmentMedia
    video: Span
    audio: Span
    offset_ns: int
    begin: datetime
    end: datetime
    at_ns: int
    end_ns: int
    skipped: tuple[int, ...] = ()
    opening: Opening | None = None
    closing: Opening | None = None
    hides: bool = False

    @property
    def origin(self) -> Fraction:
        return self.segment.media.video.begin

    @property
    def origin_ns(self) -> int:
        video = self.segment.media.video
        return scale_one(video.summary.begin, video.time_base)

    @property
    def encoded(self) -> list[Opening]:
        """What was encoded anew of it."""
        return [one for one in (self.opening, self.closing) if one is not None]

    @property
    def video_packets(self) -> int:
        encoded = sum(len(one.size) for one in self.encoded)
        return encoded + len(self.video) - len(self.skipped)

    @property
    def payload(self) -> int:
        """Bytes of its packets."""
        media = self.segment.media
        copied = bytes_of(media.video, self.video) + bytes_of(media.audio, self.audio)
        encoded = sum(len(one.data) for one in self.encoded)
        return copied + encoded - sum(int(media.video.size[number]) for number in self.skipped)


@dataclass(frozen=True)
class Run:
    """An unbroken stretch of the result: where it begins there, and when that was recorded."""

    at_ns: int
    begin: datetime

    @property
    def title(self) -> str:
        return f"{self.begin:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True)
class ExportPlan:
    """Everything an engine needs and a verifier compares with.

    `shown` counts the pictures a player shows, `duration_ns` is the length it shows them for.
    `gaps` are the parts of the asked interval without footage, `warnings` what was left out and
    why, in words. `configs` counts the different video configurations among the slices.
    """

    asked: Interval
    cut: Cut
    gap_policy: Gaps
    slices: tuple[Slice, ...]
    gaps: tuple[Interval, ...]
    duration_ns: int
    shown: int
    configs: int
    warnings: tuple[str, ...] = field(default=())

    @property
    def begin(self) -> datetime:
        """The instant of the first picture shown."""
        return self.slices[0].begin

    @property
    def end(self) -> datetime:
        return self.slices[-1].end

    @property
    def video(self) -> Track:
        return self.slices[0].segment.media.video

    @property
    def time_base(self) -> Fraction:
        """The clock of the pictures: that of the segments, a fine one where they differ."""
        bases = {part.segment.media.video.time_base for part in self.slices if part.video_packets}
        return bases.pop() if len(bases) == 1 else Fraction(1, 90_000)

    @property
    def duration(self) -> timedelta:
        return timedelta(microseconds=round(self.duration_ns / 1000))

    @property
    def audio(self) -> Track | None:
        """The sound track whose format the result takes, None when there is no sound."""
        return next((s.segment.media.audio for s in self.slices if len(s.audio)), None)

    @property
    def video_packets(self) -> int:
        return sum(part.video_packets for part in self.slices)

    @property
    def audio_packets(self) -> int:
        return sum(len(part.audio) for part in self.slices)

    @property
    def payload(self) -> int:
        """Bytes of all packets."""
        return sum(part.payload for part in self.slices)

    @property
    def runs(self) -> list[Run]:
        """Where footage goes on without a gap and with the same settings of its codec."""
        found: list[Run] = []
        before: Slice | None = None
        for part in self.slices:
            if before is None or self.breaks(before, part):
                found.append(Run(part.at_ns, part.begin))
            before = part
        return found

    def breaks(self, before: Slice, part: Slice) -> bool:
        configs = (one.segment.media.video.config for one in (before, part))
        return part.begin - before.end > HOLD or len(set(configs)) > 1

    @property
    def is_encoded(self) -> bool:
        """Say whether some of its pictures were encoded anew."""
        return any(part.encoded for part in self.slices)

    @property
    def hides_within(self) -> bool:
        """Say whether pictures are decoded and not shown between others: edit lists hide none."""
        return any(part.hides for part in self.slices)

    @property
    def lead_in_ns(self) -> int:
        """Length of the hidden part before the first picture, at least 0."""
        longest = 0
        for part in self.slices:
            if part.opening is None and len(part.video):
                longest = max(longest, -int(picture_times(part).min()))
            if part.end_ns > 0:
                break
        return longest


def make_plan(
    asked: Interval,
    segments: Iterable[SegmentMedia],
    *,
    cut: Cut = Cut.EXACT,
    gaps: Gaps = Gaps.COLLAPSE,
    transcode: bool = False,
    skipped: Iterable[str] = (),
    before: Iterable[SegmentMedia] = (),
) -> ExportPlan:
    """Plan the file of *asked* from *segments* (in any order; they may overlap or repeat).

    *skipped* says in words which segments could not be read; it goes into the warnings. With
    *transcode* the codec may change midway: such a plan cannot be copied. Those *before* the
    interval are used where its first moment cannot be told without them (`exports.lending`).

    Raises:
        NoFootage: no segment has a picture in the interval.
        HasGaps: there are gaps and the policy is to fail.
        CodecChanged: the interval holds two video codecs; the message names the instant.
    """
    placed = choose_segments(asked, segments)
    warnings = list(skipped)
    drafts = draft_all(asked, [*lenders(placed, asked, before, cut), *placed], cut, warnings)
    if not drafts:
        raise NoFootage("There is no footage in the interval; choose another one.")
    if not transcode:
        refuse_codec_change(drafts)
    found = gaps_between(asked, drafts)
    if found and gaps is Gaps.FAIL:
        raise HasGaps(f"Footage is missing from {found[0].begin:%Y-%m-%d %H:%M:%S} UTC.")
    return assemble(asked, drafts, found, cut, gaps, warnings)


def refuse_codec_change(drafts: Sequence[Draft]) -> None:
    codec = drafts[0].placed.segment.media.video.codec
    for draft in drafts:
        if draft.placed.segment.media.video.codec != codec:
            instant = draft.placed.segment.begin
            raise CodecChanged(
                f"The camera changed its video codec at {instant:%Y-%m-%d %H:%M:%S} UTC; "
                "export the parts before and after that instant, or ask for transcode."
            )


def gaps_between(asked: Interval, drafts: Sequence[Draft]) -> list[Interval]:
    """List what the interval asks for and no draft shows, each longer than a held picture."""
    found: list[Interval] = []
    at = 0
    for draft in drafts:
        if draft.begin - at > HOLD_NS:
            found.append(between(asked, at, draft.begin))
        at = draft.end
    length = nanoseconds(asked.duration)
    if length - at > HOLD_NS:
        found.append(between(asked, at, length))
    return found


def assemble(
    asked: Interval,
    drafts: Sequence[Draft],
    found: Sequence[Interval],
    cut: Cut,
    policy: Gaps,
    warnings: list[str],
) -> ExportPlan:
    """Give every draft its place in the result, and its sound."""
    slices: list[Slice] = []
    sound = Sound(drafts)
    removed = end = drafts[0].begin
    for draft, following in zip(drafts, [*drafts[1:], None], strict=True):
        if policy is not Gaps.KEEP and draft.begin - end > HOLD_NS:
            removed += draft.begin - end
        end = draft.end
        slices.append(
            Slice(
                segment=draft.placed.segment,
                video=draft.video,
                audio=sound.span(draft, following, warnings),
                offset_ns=draft.placed.begin - removed,
                begin=asked.begin + timedelta(microseconds=draft.begin / 1000),
                end=asked.begin + timedelta(microseconds=draft.end / 1000),
                at_ns=draft.begin - removed,
                end_ns=draft.end - removed,
                skipped=draft.skipped,
                hides=draft.hides,
            )
        )
    return ExportPlan(
        asked=asked,
        cut=cut,
        gap_policy=policy,
        slices=tuple(slices),
        gaps=tuple(found),
        duration_ns=end - removed,
        shown=sum(draft.shown for draft in drafts),
        configs=len({draft.placed.segment.media.video.config for draft in drafts}),
        warnings=tuple(warnings),
    )


def bytes_of(track: Track | None, span: Span) -> int:
    if track is None or not len(span):
        return 0
    if len(span) == len(track):
        return track.summary.bytes
    return int(track.size[span.slice()].sum())


def output_times(part: Slice, track: Track, span: Span) -> Nanoseconds:
    """Return the output times of a slice's packets, in file order."""
    return scale(track.pts[span.slice()], track.time_base) - part.origin_ns + part.offset_ns


def shown_ticks(part: Slice) -> NDArray[np.int64]:
    """Return when the copied pictures of a slice are shown, on its clock, in decode order."""
    ticks = part.segment.media.video.pts[part.video.slice()]
    return np.delete(ticks, np.array(part.skipped) - part.video.first) if part.skipped else ticks


def picture_times(part: Slice) -> Nanoseconds:
    """Return the output times of all pictures of a slice, in decode order."""
    base = part.segment.media.video.time_base
    ticks = [shown_ticks(part)]
    if part.opening is not None:
        ticks.insert(0, part.opening.shown)
    if part.closing is not None:
        ticks.append(part.closing.shown)
    return scale(np.concatenate(ticks), base) - part.origin_ns + part.offset_ns
