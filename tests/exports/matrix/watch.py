"""What a player would show and sound of an export, and whether that is what is wanted."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from cameras.demo.numbers import read_number
from exports.terms import Gaps
from tests.exports.matrix.archive import Archive, Picture, in_file
from tests.footage import decode_beeps
from vms.media.mp4.edits import shown_duration

# Instants are whole microseconds, places in a file ticks of its clock.
ROUNDING = Fraction(1, 50_000)
SOUND_OFFSET = 0.005

# Copied pictures decode to the very same bits wherever they are, so each is read once.
read: dict[bytes, int | None] = {}


@dataclass(frozen=True)
class Shown:
    """One decoded picture: when the file shows it, its digest, the number drawn in it."""

    at: Fraction
    digest: bytes
    number: int | None


def watch(path: Path) -> list[Shown]:
    """Decode the pictures a player shows, in order; those before zero are hidden.

    As in a player, what cannot be decoded is passed over.
    """
    shown = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            with suppress(av.InvalidDataError):
                shown += [look(frame) for frame in packet.decode()]
    return [picture for picture in shown if picture.at >= 0]


def look(frame: av.VideoFrame) -> Shown:
    gray = frame.to_ndarray(format="gray")
    digest = hashlib.sha256(gray.tobytes()).digest()
    if digest not in read:
        read[digest] = read_number(gray)
    return Shown(frame.pts * frame.time_base, digest, read[digest])


def numbers(path: Path) -> list[int | None]:
    return [picture.number for picture in watch(path)]


def check_pictures(path: Path, wanted: list[Picture], policy: Gaps = Gaps.COLLAPSE) -> None:
    """See that *path* shows exactly the pictures *wanted*, each when it has to."""
    shown = watch(path)
    assert [one.number for one in shown] == [one.number for one in wanted]
    places = in_file(wanted, policy)
    assert shown[0].at == 0
    wrong = [
        (one.number, float(one.at - place))
        for one, place in zip(shown, places, strict=True)
        if abs(one.at - place) > ROUNDING
    ]
    assert wrong == []


def check_exact(
    archive: Archive,
    path: Path,
    begin: Fraction,
    end: Fraction,
    policy: Gaps = Gaps.COLLAPSE,
) -> None:
    """See that *path* is the exact export of `[begin, end)`: pictures, times, length."""
    wanted = archive.wanted(begin, end)
    check_pictures(path, wanted, policy)
    last = in_file(wanted, policy)[-1]
    length = last + min(end, wanted[-1].end) - wanted[-1].at
    assert abs(shown_duration(path) - length) <= Fraction(1, 1000)


def beeps_wanted(pictures: list[Picture], policy: Gaps = Gaps.COLLAPSE) -> list[Fraction]:
    """Return where a file of *pictures* beeps: at full seconds during which they are recorded."""
    found = []
    for picture, place in zip(pictures, in_file(pictures, policy), strict=True):
        second = Fraction(-(-picture.at.numerator // picture.at.denominator))
        if second < picture.end:
            found.append(place + second - picture.at)
    return found


def check_sound(
    path: Path, wanted: list[Picture], policy: Gaps = Gaps.COLLAPSE, bias: float = 0
) -> None:
    """See that each beep is heard within 5 ms of the pictures it was recorded with.

    *bias* is what the codec itself moves it by.
    """
    # One that is cut off at an end is not heard as a whole.
    first, last = 0.1, float(in_file(wanted, policy)[-1]) - 0.1
    heard = decode_beeps(path)
    due = [float(beep) + bias for beep in beeps_wanted(wanted, policy)]
    assert [beep for beep in due if first < beep < last and not near(beep, heard)] == []
    assert [beep for beep in heard if first < beep < last and not near(beep, due)] == []


def near(beep: float, others: list[float]) -> bool:
    return any(abs(beep - other) <= SOUND_OFFSET for other in others)
