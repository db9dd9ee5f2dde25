"""How the synthetic camera's picture and sound are encoded, as ffmpeg arguments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Encoding:
    """What a synthetic recording looks like; *gop* counts frames, *audio* is aac or None."""

    width: int = 640
    height: int = 360
    fps: int = 15
    gop: int = 30
    bframes: int = 0
    codec: str = "h264"
    audio: str | None = "aac"
    tint: tuple[int, int] = (128, 128)

    def picture_source(self) -> list[str]:
        """Return the input arguments for raw frames arriving on stdin."""
        return [
            *("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{self.width}x{self.height}"),
            *("-framerate", str(self.fps), "-i", "pipe:0"),
        ]

    def codec_arguments(self) -> list[str]:
        """Return the output arguments that choose encoders; keyframes come exactly each gop."""
        sound = ["-c:a", self.audio, "-b:a", "32k"] if self.audio else []
        return [*self.video_arguments(), *sound]

    def video_arguments(self) -> list[str]:
        gop = ["-preset", "ultrafast", "-g", str(self.gop), "-bf", str(self.bframes)]
        if self.codec == "hevc":
            quiet = f"log-level=error:scenecut=0:min-keyint={self.gop}:open-gop=0:b-adapt=0"
            return ["-c:v", "libx265", "-tag:v", "hvc1", *gop, "-x265-params", quiet]
        steady = ["-keyint_min", str(self.gop), "-sc_threshold", "0", "-b_strategy", "0"]
        return ["-c:v", "libx264", *gop, *steady]
