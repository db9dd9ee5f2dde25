"""Sound stays with its picture, of every kind that is carried over, whenever there is any."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.exports.matrix.archive import Archive, in_file
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.watch import check_exact, check_sound
from tests.footage import decode_beeps

pytestmark = pytest.mark.ffmpeg

SECONDS = 12
LENGTH = 40
# Between segments no beep begins within a packet of sound.
ODD = Camera(gop=17)
ODD_LENGTH = 34
# Sample entry, sound, container.
KINDS = {
    "AAC at 16 kHz": (b"mp4a", Camera(), "mp4"),
    "AAC at 44.1 kHz": (b"mp4a", Camera(rate=44_100), "fmp4"),
    "G.711 A-law": (b"alaw", Camera(audio="pcm_alaw", rate=8000), "mov"),
    "G.711 u-law": (b"ulaw", Camera(audio="pcm_mulaw", rate=8000), "mov"),
    "Opus": (b"Opus", Camera(audio="opus", rate=48_000), "mp4"),
    "Opus, fragmented": (b"Opus", Camera(audio="opus", rate=48_000), "fmp4"),
    "MP3": (b"mp4a", Camera(audio="mp3", rate=48_000), "mp4"),
    "AC-3": (b"ac-3", Camera(audio="ac3", rate=48_000), "fmp4"),
}
CUTS = [("1.35", "9.85"), ("3.95", "8.05")]


@pytest.mark.parametrize("name", KINDS)
def test_carries_sound_over_as_it_was_recorded(engine, name, tmp_path, target):
    entry, camera, container = KINDS[name]
    archive = Archive(tmp_path).record_all(reel(camera, SECONDS), LENGTH, container)
    for cut in CUTS:
        begin, end = map(Fraction, cut)
        archive.export(engine, begin, end, target)

        check_exact(archive, target, begin, end)
        check_sound(target, archive.wanted(begin, end))
        assert entry in header(target)
        assert b"qt  " not in header(target)


@pytest.mark.parametrize("container", ["mp4", "fmp4"])
@pytest.mark.parametrize(
    ("between", "begin", "end", "beeps"),
    [
        # In the middle of the second segment, which follows one without any.
        (("5.3", "99"), "1.5", "11.5", [6, 7, 8, 9, 10, 11]),
        (("5.3", "99"), "5.5", "11.5", [6, 7, 8, 9, 10, 11]),
        (("1.3", "99"), "0", "11.5", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (("0", "6.6"), "1.5", "11.5", [2, 3, 4, 5, 6]),
        (("2.5", "6.6"), "1.5", "11.5", [3, 4, 5, 6]),
        # None at all within the interval, though the camera has sound.
        (("0", "3.5"), "4.5", "11.5", []),
    ],
    ids=["late", "asked from there on", "late in the first", "stops", "late and stops", "none"],
)
def test_begins_and_stops_with_the_sound(
    engine, container, between, begin, end, beeps, tmp_path, target
):
    camera = Camera(sound=tuple(map(float, between)))
    archive = Archive(tmp_path).record_all(reel(camera, SECONDS), LENGTH, container)
    begin, end = Fraction(begin), Fraction(end)
    archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)
    zero = archive.wanted(begin, end)[0].at
    assert decode_beeps(target) == pytest.approx([beep - zero for beep in beeps], abs=0.005)


def test_keeps_sound_in_place_after_a_segment_without_any(engine, tmp_path, target):
    archive = Archive(tmp_path)
    loud, silent = reel(ODD, SECONDS), reel(replace(ODD, audio=None), SECONDS)
    for index, source in enumerate([loud, silent, loud]):
        archive.record(source, index * ODD_LENGTH, (index + 1) * ODD_LENGTH)
    archive.export(engine, Fraction("1.5"), Fraction("9.5"), target)

    check_exact(archive, target, Fraction("1.5"), Fraction("9.5"))
    due = [second - Fraction("1.5") for second in (2, 3, 7, 8, 9)]
    assert decode_beeps(target) == pytest.approx(due, abs=0.005)


def test_leaves_sound_of_another_format_out_and_says_so(engine, tmp_path, target):
    archive = Archive(tmp_path)
    first = reel(ODD, SECONDS)
    other = reel(replace(ODD, audio="opus", rate=48_000), SECONDS)
    for index, source in enumerate([first, other, first]):
        archive.record(source, index * ODD_LENGTH, (index + 1) * ODD_LENGTH)
    plan = archive.export(engine, Fraction("1.5"), Fraction("9.5"), target)

    check_exact(archive, target, Fraction("1.5"), Fraction("9.5"))
    assert any("sound" in warning and "left out" in warning for warning in plan.warnings)
    due = [second - Fraction("1.5") for second in (2, 3, 7, 8, 9)]
    assert decode_beeps(target) == pytest.approx(due, abs=0.005)


def test_has_a_picture_for_every_sound_of_a_camera_without_any(engine, tmp_path, target):
    archive = Archive(tmp_path).record_all(reel(Camera(audio=None), SECONDS), LENGTH)
    plan = archive.export(engine, Fraction("1.5"), Fraction("9.5"), target)

    check_exact(archive, target, Fraction("1.5"), Fraction("9.5"))
    assert plan.audio is None
    assert b"soun" not in header(target)
    assert in_file(archive.wanted(Fraction("1.5"), Fraction("9.5")))[0] == 0


def header(path):
    content = path.read_bytes()
    return content[: content.index(b"mdat")]
