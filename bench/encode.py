"""Encoding the moving picture that all footage is looped from."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vms.media.ffmpeg import find_ffmpeg

SOUND_RATE, SOUND_PACKET = 48_000, 1024


@dataclass(frozen=True)
class Picture:
    """A camera's picture at 25 frames a second with a keyframe every 2 s, and AAC beside it.

    `loop_seconds` must be a multiple of 8: that many seconds are whole GOPs and whole packets.
    """

    codec: str = "h264"
    bframes: int = 0
    width: int = 1920
    height: int = 1080
    kbits: int = 4000
    loop_seconds: int = 120

    def arguments(self) -> list[str]:
        rate = f"{self.kbits}k"
        shared = ["-preset", "ultrafast", "-g", "50", "-bf", str(self.bframes)]
        shared += ["-b:v", rate, "-maxrate", rate, "-bufsize", rate]
        if self.codec == "hevc":
            quiet = "log-level=error:scenecut=0:min-keyint=50:open-gop=0"
            return ["-c:v", "libx265", *shared, "-x265-params", quiet]
        tune = [] if self.bframes else ["-tune", "zerolatency"]
        return ["-c:v", "libx264", *shared, "-keyint_min", "50", "-sc_threshold", "0", *tune]


CAMERA = Picture()


def encode(root: Path, picture: Picture) -> Path:
    """Return the encoded loop, made now if it is not there yet (some tens of seconds).

    A little longer than the loop: encoders begin and end their sound where they like.
    """
    digest = hashlib.sha256(repr(picture).encode()).hexdigest()[:8]
    path = root / "footage" / f"base-{picture.codec}-{digest}.mp4"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    size = f"{picture.width}x{picture.height}"
    seconds = picture.loop_seconds
    command = [str(find_ffmpeg()), "-hide_banner", "-loglevel", "error", "-y"]
    command += ["-f", "lavfi", "-t", str(seconds)]
    command += ["-i", f"testsrc2=size={size}:rate=25,noise=alls=10:allf=t"]
    command += ["-f", "lavfi", "-t", str(seconds + 1), "-i", f"sine=sample_rate={SOUND_RATE}"]
    command += ["-pix_fmt", "yuv420p", *picture.arguments()]
    command += ["-c:a", "aac", "-b:a", "64k", "-ac", "1", "-f", "mp4", str(partial)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    partial.rename(path)
    return path
