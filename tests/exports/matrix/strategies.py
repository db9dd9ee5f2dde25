"""Random archives and intervals for the tests that draw them, and how many are drawn.

`MATRIX_EXAMPLES=2000` draws so many, other ones each time; without it few and always the same.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st

from tests.exports.matrix.archive import HOLD, Archive
from tests.exports.matrix.reel import Camera, reel

EXAMPLES = os.environ.get("MATRIX_EXAMPLES", "")
SECONDS = 12
# Groups of so many pictures go on over several segments.
LONG = 50
CAMERAS = [
    Camera(gop=1),
    Camera(gop=5),
    Camera(gop=20),
    Camera(fps=Fraction(25, 2), gop=10, jitter=0.6),
    Camera(fps=Fraction(30_000, 1001), gop=30),
    Camera(gop=12, bframes=2),
    Camera(fps=Fraction(25, 2), gop=9, bframes=1, audio=None),
    Camera(gop=15, bframes=2, open_gop=True, pyramid=False),
    Camera(codec="hevc", gop=15, bframes=3, open_gop=True, audio=None),
    Camera(gop=70),
]


def drawing(few: int) -> settings:
    """Return the settings for *few* examples, the same ones each time, or as the caller asks."""
    return settings(
        max_examples=int(EXAMPLES or few),
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True)
class Recording:
    """Segments of a camera as (first, stop, container), in the order they are found in."""

    camera: Camera
    segments: tuple[tuple[int, int, str], ...]

    def make(self, folder: Path) -> Archive:
        folder.mkdir(exist_ok=True)
        archive = Archive(folder)
        for first, stop, container in self.segments:
            archive.record(reel(self.camera, SECONDS), first, stop, container)
        return archive


@st.composite
def recordings(draw) -> Recording:
    """Draw a camera and what is there of it: with pauses, overlaps and segments there twice.

    Where pictures are decoded out of order, or not at whole microseconds, nothing overlaps: what
    is to be shown then is not as simple as all there is, and has tests of its own. Elsewhere no
    segment begins without a keyframe, for the same reason.
    """
    camera = draw(st.sampled_from(CAMERAS))
    video = reel(camera, SECONDS).video
    overlaps = not camera.bframes and not camera.jitter and camera.fps.numerator < 1000
    overlaps &= camera.gop < LONG
    keys = [number for number, piece in enumerate(video) if piece.key]
    begins_at = st.sampled_from(keys if overlaps else [*keys, *edges(camera)])
    segments: list[tuple[int, int, str]] = []
    count = draw(st.integers(1, 5))
    begins = sorted(draw(st.lists(begins_at, min_size=1, max_size=count)))
    for first, following in pairwise([*begins, len(video)]):
        limit = len(video) if overlaps else following
        if limit <= first:
            continue
        # Most recorders go on without a pause, so the whole way to the next one is drawn often.
        stop = following if draw(st.booleans()) else draw(st.integers(first + 1, limit))
        stop = whole(camera, first, max(stop, first + 1))
        if stop > first:
            segments.append((first, stop, draw(st.sampled_from(["mp4", "fmp4"]))))
    assume(segments)
    # Where a few pictures are missing, those behind them are decoded from what is not there.
    few = range(1, int(HOLD * camera.fps) + 2)
    assume(all(first - stop not in few for (_, stop, _), (first, *_) in pairwise(segments)))
    return Recording(camera, tuple(draw(st.permutations(segments))))


def edges(camera: Camera) -> list[int]:
    """List where a recorder may part the packets: all pictures before are shown before."""
    numbers = [piece.number for piece in reel(camera, SECONDS).video]
    latest = list(accumulate(numbers, max))
    return [0, *(at for at in range(1, len(numbers)) if latest[at - 1] == at - 1)]


def whole(camera: Camera, first: int, stop: int) -> int:
    """Return the last packet up to *stop* after which no picture before another is missing."""
    video = reel(camera, SECONDS).video
    while {piece.number for piece in video[first:stop]} != set(range(first, stop)):
        stop -= 1
    return stop


@st.composite
def intervals(draw, camera: Camera) -> tuple[Fraction, Fraction]:
    """Draw an interval, often beginning and ending right at, before or after a picture."""
    count = round(SECONDS * camera.fps)
    near = st.builds(
        lambda number, micros: round(number * camera.step * 10**6) + micros,
        st.integers(-3, count + 3),
        st.sampled_from([-1000, -1, 0, 1, 1000]),
    )
    anywhere = st.integers(-500_000, (SECONDS + 1) * 10**6)
    begin, end = sorted((draw(near | anywhere), draw(near | anywhere)))
    return Fraction(begin, 10**6), Fraction(max(end, begin + 1), 10**6)


@st.composite
def orders(draw) -> tuple[Recording, Fraction, Fraction]:
    recording = draw(recordings())
    return (recording, *draw(intervals(recording.camera)))
