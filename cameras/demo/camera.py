"""The live synthetic camera behind `demo:` addresses.

`demo:?size=640x360&fps=15&gop=30&sound=1&tint=90x150`, every option may be left out. Frames come at
their instants (`cameras.demo.picture`), so a recording can be checked against the wall clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from django.utils import timezone

from cameras.demo.encoding import Encoding
from cameras.demo.picture import Picture, frame_instant, frame_number
from cameras.demo.sound import beep_source
from cameras.sources import BadSource

# A wall clock that jumps further than this ends the connection, as with any other camera.
JUMP = timedelta(seconds=5)
START_FRAMES = 2
LIMITS = {"fps": (1, 60), "gop": (1, 600), "sound": (0, 1)}
SIDES = (32, 4096)
LEVELS = (0, 255)


@dataclass(frozen=True)
class DemoCamera:
    """One connection to the camera: its first frame is number `first`."""

    encoding: Encoding
    first: int

    @classmethod
    def connect(cls, url: str, now: datetime) -> DemoCamera:
        """Start at the next frame but one.

        Raises:
            BadSource: an option of *url* cannot be used.
        """
        encoding = read_encoding(url)
        return cls(encoding, frame_number(now, encoding.fps) + START_FRAMES)

    @property
    def begin(self) -> datetime:
        return frame_instant(self.first, self.encoding.fps)

    def input_arguments(self) -> list[str]:
        """Return ffmpeg's inputs: frames on stdin, and the sound if there is any."""
        sound = beep_source(self.begin) if self.encoding.audio else []
        return [*self.encoding.picture_source(), *sound]

    async def feed(self, stdin: asyncio.StreamWriter) -> None:
        """Write frames at their instants until the reader goes away or the wall clock jumps."""
        encoding = self.encoding
        picture = Picture(encoding.width, encoding.height, encoding.fps, encoding.tint)
        number = self.first
        try:
            while True:
                wait = frame_instant(number, encoding.fps) - timezone.now()
                if abs(wait) > JUMP:
                    return
                if wait > timedelta():
                    await asyncio.sleep(wait.total_seconds())
                stdin.write(picture.frame(number))
                await stdin.drain()
                number += 1
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            stdin.close()


def read_encoding(url: str) -> Encoding:
    """Read the options of a `demo:` address.

    Raises:
        BadSource: an option is unknown or out of range.
    """
    fps, gop, sound = 15, None, 1
    size, tint = (640, 360), (128, 128)
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if name == "size":
            size = read_pair(name, value, SIDES)
        elif name == "tint":
            tint = read_pair(name, value, LEVELS)
        elif name == "fps":
            fps = read_whole(name, value)
        elif name == "gop":
            gop = read_whole(name, value)
        elif name == "sound":
            sound = read_whole(name, value)
        else:
            raise BadSource("A demo: address takes the options size, fps, gop, sound and tint.")
    if size[0] % 2 or size[1] % 2:
        raise BadSource("Both sides of a demo camera's size have to be even.")
    return Encoding(
        width=size[0],
        height=size[1],
        fps=fps,
        gop=gop or 2 * fps,
        audio="aac" if sound else None,
        tint=tint,
    )


def read_whole(name: str, text: str) -> int:
    low, high = LIMITS[name]
    if not text.isdecimal() or not low <= int(text) <= high:
        raise BadSource(f"The option {name} of a demo: address is a number from {low} to {high}.")
    return int(text)


def read_pair(name: str, text: str, limits: tuple[int, int]) -> tuple[int, int]:
    low, high = limits
    sides = [int(side) for side in text.split("x") if side.isdecimal()]
    if len(sides) != 2 or not all(low <= side <= high for side in sides):  # noqa: PLR2004 - a pair
        raise BadSource(f"The option {name} of a demo: address is two numbers: {low}x{high}.")
    return sides[0], sides[1]
