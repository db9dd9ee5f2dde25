"""The cases and their bars."""

from __future__ import annotations

from dataclasses import dataclass

from bench.encode import Picture
from bench.figures import Bars
from bench.footage import FootageSet

HOUR, DAY = 3600, 24 * 3600

PLAIN = FootageSet("h264-mp4-10s", "mp4", 10)
FRAGMENTED = FootageSet("h264-fmp4-60s", "fmp4", 60)
TRANSPORT = FootageSet("h264-ts-60s", "mpegts", 60, 600)
REORDERED = FootageSet("h264-bframes-mp4-10s", "mp4", 10, 600, Picture(bframes=2, loop_seconds=64))
HEVC = FootageSet("h265-fmp4-60s", "fmp4", 60, 600, Picture(codec="hevc", loop_seconds=64))


@dataclass(frozen=True)
class Case:
    """An export of `[begin, begin + seconds)` of a set; bars for its ratios.

    A cut in the middle of a GOP at both ends where *begin* is not a whole segment's.
    """

    name: str
    footage: FootageSet
    begin: float
    seconds: float
    rounds: int
    to_floor: Bars | None = None
    to_ffmpeg: Bars | None = None


CUT = 75.64
WHOLE_FLOOR, WHOLE_FFMPEG = Bars(1.35, 1.15), Bars(0.33, 0.25)
FIVE, ONE = Bars(1.7, 1.4), Bars(2.3, 1.7)

CASES = (
    Case("1 h, mp4 10 s", PLAIN, 0, HOUR, 5, WHOLE_FLOOR, WHOLE_FFMPEG),
    Case("1 h, fMP4 60 s", FRAGMENTED, 0, HOUR, 5, WHOLE_FLOOR, WHOLE_FFMPEG),
    Case("5 min, cuts, mp4 10 s", PLAIN, CUT, 300, 9, FIVE),
    Case("5 min, cuts, fMP4 60 s", FRAGMENTED, CUT, 300, 9, FIVE),
    Case("1 min, cuts, mp4 10 s", PLAIN, CUT, 60, 15, ONE),
    Case("1 min, cuts, fMP4 60 s", FRAGMENTED, CUT, 60, 15, ONE),
    Case("5 min, cuts, B-frames, mp4 10 s", REORDERED, CUT, 300, 9, FIVE),
    Case("5 min, cuts, H.265, fMP4 60 s", HEVC, CUT, 300, 9, FIVE),
    Case("5 min, cuts, mpegts 60 s", TRANSPORT, CUT, 300, 5),
)

LONG_SETS = (PLAIN, FRAGMENTED)

# Small pictures of seconds: enough to see the bench itself work, no measure of anything.
TINY = Picture(width=160, height=90, kbits=100, loop_seconds=8)
TINY_PLAIN = FootageSet("tiny-mp4-4s", "mp4", 4, 24, TINY)
TINY_FRAGMENTED = FootageSet("tiny-fmp4-8s", "fmp4", 8, 24, TINY)
TINY_SETS = (TINY_PLAIN, TINY_FRAGMENTED)
TINY_CASES = (
    Case("24 s, mp4 4 s", TINY_PLAIN, 0, 24, 1, Bars(1000), Bars(1000)),
    Case("10 s, cuts, fMP4 8 s", TINY_FRAGMENTED, 5.64, 10, 1, Bars(1000)),
)

PLAN_BARS = {HOUR: Bars(80, 40), DAY: Bars(1500, 800)}
MEMORY_BARS = {HOUR: Bars(60, 40), DAY: Bars(200, 120)}
WRITTEN_BAR = Bars(1.01)
INDEX_BARS = {"mp4": Bars(3000, 5000), "fmp4": Bars(300, 400)}
