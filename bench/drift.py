"""How far sound and picture wander over an hour of 10 s segments, ours and plain concat.

Nothing is decoded: packet N of the result is packet N of the footage, whose instant is known
exactly (`bench.footage`), so the error of each is what its file says minus that.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import ours
from bench.encode import SOUND_PACKET, SOUND_RATE
from bench.figures import Bars, Figure
from bench.footage import FootageSet, interval
from bench.legs import concat_command
from bench.meter import Stages
from vms.media.segment import read_segment

FRAME_RATE = 25
SYNC, FRAME, NONE = Bars(5), Bars(1000 / FRAME_RATE), Bars(0)


@dataclass(frozen=True)
class Errors:
    """Milliseconds by which packets are late, at the start, in the middle and at the end."""

    picture: tuple[float, float, float]
    sound: tuple[float, float, float]
    lost: int

    @property
    def offsets(self) -> tuple[float, ...]:
        """By how much the sound is later than its picture."""
        return tuple(ear - eye for ear, eye in zip(self.sound, self.picture, strict=True))


def measure_drift(footage: FootageSet, root: Path) -> list[Figure]:
    sources = footage.make(root)
    asked = interval(0, footage.seconds)
    output = root / "output"
    output.mkdir(parents=True, exist_ok=True)
    made = ours.make_file(sources, asked, root / "sidecars", "3" * 32 + "-1", Stages())
    concat = output / "drift.mp4"
    command = concat_command(sources, asked, output / "drift.txt", concat)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    figures = []
    for name, path in (("ours", made.path), ("ffmpeg concat", concat)):
        found = errors(path, footage.seconds)
        is_ours = name == "ours"
        offset = max(abs(value) for value in found.offsets)
        length = max(abs(value) for value in (found.picture[0], found.picture[2]))
        case, more = f"{name}, {footage.name}", {"errors": vars(found)}
        figures += [
            Figure(case, "worst A/V offset", "ms", [offset], SYNC if is_ours else None, more=more),
            Figure(case, "picture late at the end", "ms", [length], FRAME if is_ours else None),
            Figure(case, "packets lost", "", [found.lost], NONE if is_ours else None),
        ]
        path.unlink()
    return figures


def errors(path: Path, seconds: int) -> Errors:
    """Compare what *path* says of its packets with what is true."""
    media = read_segment(path)
    if media.audio is None:
        raise SystemExit("The file has no sound: there is nothing to compare.")
    pictures = FRAME_RATE * seconds
    sounds = -(-seconds * SOUND_RATE // SOUND_PACKET)
    eye = sorted(int(value) for value in media.video.pts)
    ear = [int(value) for value in media.audio.pts]
    tick, beat = media.video.time_base, media.audio.time_base

    def late(times: list[int], number: int, base: float, step: float) -> float:
        return (times[min(number, len(times) - 1)] * base - number * step) * 1000

    places = [int(part * (pictures - 1)) for part in (0, 0.5, 1)]
    beats = [int(part * (sounds - 1)) for part in (0, 0.5, 1)]
    eyes = [late(eye, place, float(tick), 1 / FRAME_RATE) for place in places]
    ears = [late(ear, place, float(beat), SOUND_PACKET / SOUND_RATE) for place in beats]
    lost = pictures + sounds - len(eye) - len(ear)
    return Errors((eyes[0], eyes[1], eyes[2]), (ears[0], ears[1], ears[2]), lost)
