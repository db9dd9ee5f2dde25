"""An hour of short segments: sound and picture stay together to the end, unlike with concat.

Sound and picture of a segment never end together. Whoever puts one file behind the other by its
length adds that up, segment by segment; the wall clock does not.
"""

from __future__ import annotations

import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

from cameras.demo.numbers import read_number
from tests.exports.matrix.archive import Archive, in_file
from tests.exports.matrix.reel import Camera, Piece, Reel, reel
from tests.exports.matrix.watch import ROUNDING
from tests.footage import LOUD
from vms.media.ffmpeg import find_ffmpeg
from vms.media.mp4.edits import shown_duration
from vms.media.segment import read_segment

pytestmark = pytest.mark.ffmpeg

HOUR = 3600
LENGTH = 50
# The lengths of sound packets and of pictures meet every 8 s; from the second turn on the coder
# has come to rest, so the rest of the hour repeats it.
TURN = 8
CAMERA = Camera(fps=Fraction(5), gop=10, width=64, height=36)
BEGIN, END = Fraction("1.3"), Fraction("3598.7")
# Seconds after the begin of the interval.
PLACES = {"start": 5, "middle": 1800, "end": 3590}
OFFSET = 0.005


class Hour(Reel):
    """A reel whose second turn goes on for an hour; only pictures are numbered anew."""

    def __init__(self, camera: Camera) -> None:
        source = reel(camera, 3 * TURN)
        self.camera, self.templates, self.count = camera, source.templates, HOUR * 5
        self.video = list(repeated(source.video, camera.fps * TURN))
        self.audio = list(repeated(source.audio, None))


def repeated(pieces: list[Piece], per_turn):
    """Yield the first turn, then the second over and over."""
    yield from (piece for piece in pieces if piece.at < TURN)
    turn = [piece for piece in pieces if TURN <= piece.at < 2 * TURN]
    for count in range(HOUR // TURN - 1):
        for piece in turn:
            move = round(count * TURN / piece.base)
            number = piece.number + count * int(per_turn) if per_turn else -1
            yield Piece(
                piece.pts + move,
                piece.dts + move,
                piece.duration,
                piece.base,
                piece.content,
                piece.key,
                number,
            )


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    return Archive(tmp_path_factory.mktemp("hour")).record_all(Hour(CAMERA), LENGTH)


def test_keeps_sound_with_picture_for_an_hour(engine, hour, target, record_property):
    plan = hour.export(engine, BEGIN, END, target)

    assert len(plan.slices) == HOUR * 5 // LENGTH
    wanted = hour.wanted(BEGIN, END)
    length = END - wanted[0].at
    assert abs(shown_duration(target) - length) <= CAMERA.step
    times = read_segment(target).video
    shown = np.sort(times.pts[times.shown]) * float(times.time_base)
    assert np.abs(shown - np.array(in_file(wanted), float)).max() < float(ROUNDING)
    ours = offsets(target)
    record_property("offsets", ours)
    assert max(map(abs, ours.values())) <= OFFSET


def test_drifts_when_files_are_put_one_behind_the_other(hour, target, record_property):
    """Show what the same hour becomes without a plan; it is what ours is measured against."""
    listing = target.with_suffix(".txt")
    listing.write_text(
        "".join(f"file '{hour.locate(number)}'\n" for number in range(HOUR * 5 // LENGTH))
    )
    subprocess.run(
        [
            *(str(find_ffmpeg()), "-hide_banner", "-loglevel", "error", "-f", "concat"),
            *("-safe", "0", "-i", str(listing), "-c", "copy", str(target)),
        ],
        check=True,
        capture_output=True,
    )

    theirs = offsets(target)
    longer = float(shown_duration(target)) - HOUR
    record_property("offsets", theirs)
    record_property("longer", longer)
    print(f"concat: {longer:.2f} s too long, sound off by {theirs} s")  # noqa: T201
    assert longer > CAMERA.step


def offsets(path):
    """Return by place how far, in seconds, a beep is from the picture it was recorded with.

    Every fifth picture begins with a full second, as a beep does.
    """
    found = {}
    for place, at in PLACES.items():
        seconds = [when for when, number in pictures_at(path, at) if number % 5 == 0]
        beep = beep_at(path, at)
        found[place] = round(beep - float(min(seconds, key=lambda when: abs(when - beep))), 4)
    return found


def pictures_at(path, at):
    """Decode the pictures about *at* seconds: (seconds on the file's clock, number)."""
    return [
        (frame.pts * frame.time_base, read_number(frame.to_ndarray(format="gray")))
        for frame in decoded(path, "video", at)
    ]


def beep_at(path, at):
    """Return when the first beep after *at* seconds begins."""
    for frame in decoded(path, "audio", at):
        when = float(frame.pts * frame.time_base)
        loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > LOUD)
        if when > at and loud.size and loud[0] + when * frame.sample_rate > 1:
            return when + int(loud[0]) / frame.sample_rate
    raise AssertionError(f"no beep after {at} s")


def decoded(path, kind, at):
    """Decode four seconds of one track from a keyframe before *at* on."""
    with av.open(str(path)) as container:
        stream = container.streams.get({kind: 0})[0]
        container.seek(int(at / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            when = frame.pts * frame.time_base
            if when > at + 4:
                return
            if when >= 0:
                yield frame
