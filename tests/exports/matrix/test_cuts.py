"""Where an export begins and ends, to the picture, however the camera encodes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.exports.matrix.archive import Archive
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.watch import check_exact

pytestmark = pytest.mark.ffmpeg

MOMENT = Fraction(1, 1000)
FEW = 14
# A camera, the seconds of its reel, the pictures of a segment, the container.
RECORDINGS = {
    "every picture a keyframe": (Camera(gop=1), 6, 20, "mp4"),
    "gop of 25": (Camera(fps=Fraction(25), gop=25), 8, 50, "fmp4"),
    "gop of 50, fragmented": (Camera(fps=Fraction(25), gop=50), 12, 100, "fmp4"),
    "gop of 50": (Camera(fps=Fraction(25), gop=50), 12, 100, "mp4"),
    "gop of 250": (Camera(fps=Fraction(25), gop=250), 30, 250, "mp4"),
    "B-frames": (Camera(bframes=2), 12, 40, "mp4"),
    "B-frames, fragmented": (Camera(bframes=2), 12, 40, "fmp4"),
    "H.265": (Camera(codec="hevc"), 12, 40, "fmp4"),
    "H.265 with B-frames": (Camera(codec="hevc", bframes=2), 12, 40, "mp4"),
    "silent": (Camera(audio=None), 12, 40, "fmp4"),
}


@pytest.fixture(scope="module", params=RECORDINGS, ids=str)
def recording(request, tmp_path_factory):
    camera, seconds, length, container = RECORDINGS[request.param]
    folder = tmp_path_factory.mktemp("archive")
    return camera, length, Archive(folder).record_all(reel(camera, seconds), length, container)


def test_begins_and_ends_at_the_picture_asked_for(engine, recording, target):
    camera, length, archive = recording
    at, key = archive.at, keyframe(camera, length)
    gop = max(camera.gop, FEW)
    last = archive.pictures()[-1]
    cuts = {
        "one GOP": (at(key), at(key + gop)),
        "from one picture before a keyframe to one before": (at(key - 1), at(key + gop - 1)),
        "from one picture after a keyframe to one after": (at(key + 1), at(key + gop + 1)),
        "from mid GOP to mid GOP": (at(key + gop // 2), at(key + gop + gop // 2)),
        "from the end of one picture": (at(key + 3) - MOMENT, at(key + FEW + 3) + MOMENT),
        "one segment": (at(length), at(2 * length)),
        "all there is and more": (Fraction(-1), last.end + 1),
    }
    for begin, end in cuts.values():
        archive.export(engine, begin, end, target)

        check_exact(archive, target, begin, end)


def test_delivers_one_picture_or_a_few(engine, recording, target):
    camera, length, archive = recording
    at, key = archive.at, keyframe(camera, length)
    last = archive.pictures()[-1]
    cuts = {
        "a keyframe": (at(key), at(key + 1)),
        "one before a keyframe": (at(key - 1), at(key)),
        "one after a keyframe": (at(key + 1), at(key + 2)),
        "a moment within a picture": (at(key + 2) + MOMENT, at(key + 2) + 2 * MOMENT),
        "the end of one and the begin of another": (at(key + 3) - MOMENT, at(key + 4) + MOMENT),
        "the first": (at(0), at(1)),
        "the last": (last.at, last.end),
    }
    for begin, end in cuts.values():
        archive.export(engine, begin, end, target)

        check_exact(archive, target, begin, end)


@pytest.mark.parametrize("micros", [1, 2])
def test_shows_a_picture_that_begins_right_before_the_end(engine, micros, tmp_path, target):
    archive = Archive(tmp_path).record_all(reel(Camera(), 12), 40)
    begin, end = Fraction("1.35"), archive.at(60) + Fraction(micros, 10**6)
    archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)


def keyframe(camera, length):
    """Return the number of a keyframe within the second segment, its first if it has no other."""
    return length + camera.gop if 2 * camera.gop <= length else length
