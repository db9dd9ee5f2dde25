"""Two engines that share nothing but the plan make files that look and sound the same."""

from __future__ import annotations

import hashlib
import shutil
from fractions import Fraction

import av
import pytest
from hypothesis import assume, given

from exports.engines.splice import can_splice
from exports.errors import NoFootage
from exports.terms import Gaps
from tests.exports.matrix.archive import Archive
from tests.exports.matrix.conftest import make_engine
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.strategies import drawing, orders
from tests.exports.matrix.watch import ROUNDING, watch

pytestmark = pytest.mark.ffmpeg

# Each engine rounds the end of the sound to ticks in its own way.
MOMENT = Fraction(1, 1000)
CAMERAS = {
    "AAC": (Camera(), "mp4"),
    "AAC, fragmented": (Camera(), "fmp4"),
    "B-frames, Opus": (Camera(bframes=2, audio="opus", rate=48_000), "fmp4"),
    "29.97 fps, MP3": (Camera(fps=Fraction(30_000, 1001), audio="mp3", rate=48_000), "mp4"),
    "H.265 with B-frames": (Camera(codec="hevc", bframes=2), "mp4"),
    "jitter": (Camera(fps=Fraction(25), gop=50, jitter=0.8), "fmp4"),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_makes_the_same_of_every_kind_of_footage(name, tmp_path):
    camera, container = CAMERAS[name]
    archive = Archive(tmp_path).record_all(reel(camera, 12), 2 * camera.gop, container)
    archive.lose(1)
    for policy in (Gaps.COLLAPSE, Gaps.KEEP):
        compare(archive.plan(Fraction("1.35"), Fraction("10.7"), gaps=policy), archive, tmp_path)


@drawing(8)
@given(order=orders())
def test_makes_the_same_of_any_footage(order, tmp_path):
    recording, begin, end = order
    shutil.rmtree(tmp_path / "archive", ignore_errors=True)
    archive = recording.make(tmp_path / "archive")
    try:
        plan = archive.plan(begin, end)
    except NoFootage:
        assume(False)
    assume(can_splice(plan))
    compare(plan, archive, tmp_path)


def compare(plan, archive, folder):
    """Have both engines carry out *plan* and compare pictures, sound and every instant."""
    files = [folder / "splice.mp4", folder / "ffmpeg.mp4"]
    for file in files:
        archive.render(make_engine(file.stem), plan, file)
    one, other = map(watch, files)
    assert [picture.digest for picture in one] == [picture.digest for picture in other]
    assert apart([picture.at for picture in one], [picture.at for picture in other]) <= ROUNDING

    end = Fraction(plan.duration_ns, 10**9)
    one, other = (packets_of_sound(file, end) for file in files)
    assert [digest for _, digest in one] == [digest for _, digest in other]
    assert apart([at for at, _ in one], [at for at, _ in other]) <= Fraction(1, 1000)


def apart(one, other):
    return max((abs(a - b) for a, b in zip(one, other, strict=True)), default=0)


def packets_of_sound(path, end):
    """List when packets are heard, and their digests; not what is heard for less than a moment."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        return [
            (packet.pts * packet.time_base, hashlib.sha256(bytes(packet)).digest())
            for packet in container.demux(audio=0)
            if packet.size and packet.pts * packet.time_base < end - MOMENT
        ]
