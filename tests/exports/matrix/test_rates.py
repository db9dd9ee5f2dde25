"""Picture rates that no clock divides, and cameras whose clock wanders."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.exports.matrix.archive import Archive
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.watch import check_exact, check_sound

pytestmark = pytest.mark.ffmpeg

SECONDS = 12
CAMERAS = {
    "5": Camera(fps=Fraction(5), gop=10),
    "12.5": Camera(fps=Fraction(25, 2), gop=25),
    "12.5 on a clock of 12.5 kHz": Camera(fps=Fraction(25, 2), gop=25, clock=12_500),
    "15": Camera(fps=Fraction(15), gop=30),
    "25": Camera(fps=Fraction(25), gop=50),
    "29.97": Camera(fps=Fraction(30_000, 1001), gop=30),
    "29.97 on a clock of 30 kHz": Camera(fps=Fraction(30_000, 1001), gop=30, clock=30_000),
    "29.97 with B-frames": Camera(fps=Fraction(30_000, 1001), gop=30, bframes=2),
    "30": Camera(fps=Fraction(30), gop=30),
    "15 with jitter": Camera(fps=Fraction(15), gop=30, jitter=0.3),
    "12.5 with much jitter": Camera(fps=Fraction(25, 2), gop=25, jitter=0.9),
    "25 with jitter and B-frames": Camera(fps=Fraction(25), gop=50, bframes=2, jitter=0.5),
}
CUTS = [("1.2", "10.7"), ("3.333333", "4.444444"), ("0", "12")]


@pytest.mark.parametrize("name", CAMERAS)
def test_keeps_pictures_and_sound_where_they_were(engine, name, tmp_path, target):
    camera = CAMERAS[name]
    container = "mp4" if list(CAMERAS).index(name) % 2 else "fmp4"
    archive = Archive(tmp_path).record_all(reel(camera, SECONDS), 2 * camera.gop, container)
    for cut in CUTS:
        begin, end = map(Fraction, cut)
        archive.export(engine, begin, end, target)

        check_exact(archive, target, begin, end)
        check_sound(target, archive.wanted(begin, end))
