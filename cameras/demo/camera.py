"""The live synthetic camera behind `demo:` addresses.

Frames come at their instants (`cameras.demo.picture`), so a recording can be checked against the
wall clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from cameras.demo.encoding import Encoding
from cameras.demo.options import read_encoding
from cameras.demo.picture import Picture, frame_instant, frame_number
from cameras.demo.sound import beep_source

# A wall clock that jumps further than this ends the connection, as with any other camera.
JUMP = timedelta(seconds=5)
START_FRAMES = 2


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
