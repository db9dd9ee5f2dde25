"""What ffmpeg is told to read, and what a source holds.

A network address is handed to ffmpeg on its stdin, inside a one-line playlist (its concat
demuxer), because everybody on the machine can read command lines and an address may hold a
password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from cameras.demo.camera import DemoCamera
from cameras.demo.encoding import Encoding
from cameras.sources import file_path

PROTOCOLS = "pipe,rtsp,rtsps,rtp,udp,tcp,tls,http,https,httpproxy,crypto"
IN_MP4 = frozenset({"aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"})
TO_AAC = ["-c:a", "aac", "-b:a", "48k", "-af", "aresample=async=1000"]


@dataclass(frozen=True)
class Facts:
    """What a source delivers; codec names as ffmpeg's, `audio` None without sound."""

    video: str
    audio: str | None
    width: int
    height: int


@dataclass(frozen=True)
class Input:
    """ffmpeg's input arguments and what it gets on stdin: text, or a live demo camera's frames.

    One that only looks at the source is given `probe_script` in place of `script`.
    """

    arguments: list[str]
    script: bytes | None = None
    probe_script: bytes | None = None
    demo: DemoCamera | None = None


def open_input(url: str, now: datetime) -> Input:
    """Prepare to read *url*, which `check_source_url` has accepted.

    Raises:
        BadSource: the options of a demo camera cannot be used.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "demo":
        demo = DemoCamera.connect(url, now)
        return Input(demo.input_arguments(), demo=demo)
    if scheme == "file":
        path = unquote(file_path(rest))
        return Input(["-re", "-stream_loop", "-1", "-i", f"file:{path}"])
    concat = ["-f", "concat", "-safe", "0", "-protocol_whitelist", PROTOCOLS, "-i", "pipe:0"]
    # To count frames a second takes seconds, which a camera that comes back would not be recorded.
    return Input(concat, playlist(url), probe_script=playlist(url, "fpsprobesize 0"))


def playlist(url: str, *options: str) -> bytes:
    """Write the playlist of one entry; a quote inside it is closed, escaped and opened again.

    *options*, each name and value, are those the entry is opened with.
    """
    quoted = url.replace("'", r"'\''")
    lines = ["ffconcat version 1.0", f"file '{quoted}'"]
    if url.startswith("rtsp"):
        options = ("rtsp_transport tcp", *options)
    lines += [f"option {option}" for option in options]
    return "\n".join([*lines, ""]).encode()


def probe_arguments(source: Input) -> list[str]:
    """Return arguments that make ffmpeg print what *source* holds and end at once."""
    start = [argument for argument in source.arguments if argument != "-re"]
    tracks = ["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", "-t", "0"]
    return ["-fpsprobesize", "0", *start, *tracks, "-f", "framecrc", "pipe:1"]


def read_facts(printed: str) -> Facts | None:
    """Read the header of ffmpeg's framecrc output; None when there is no picture in it."""
    fields = dict(re.findall(r"^#(\w+ \d+): (.+)$", printed, re.MULTILINE))
    size = re.fullmatch(r"(\d+)x(\d+)", fields.get("dimensions 0", ""))
    if size is None:
        return None
    video, audio = fields.get("codec_id 0", ""), fields.get("codec_id 1")
    return Facts(video, audio, int(size[1]), int(size[2]))


def demo_facts(encoding: Encoding) -> Facts:
    return Facts(encoding.codec, encoding.audio, encoding.width, encoding.height)


def track_arguments(source: Input, facts: Facts) -> list[str]:
    """Return output arguments: the picture and one sound, copied, or encoded where mp4 needs it."""
    if source.demo is not None:
        sound = ["-map", "1:a"] if source.demo.encoding.audio else []
        return ["-map", "0:v", *sound, *source.demo.encoding.codec_arguments()]
    picture = ["-map", "0:v:0", "-c:v", "copy"]
    if facts.video == "hevc":
        picture += ["-tag:v", "hvc1"]
    if facts.audio is None:
        return picture
    sound = ["-c:a", "copy"] if facts.audio in IN_MP4 else TO_AAC
    return [*picture, "-map", "0:a:0", *sound]
