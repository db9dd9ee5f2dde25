"""Opening recordings with the general reader, which would follow whatever a file tells it to.

A file of any name may be a playlist, a session description or a script that has libavformat open
other files and addresses (FFmpeg, "Protocol Options" and "Format Options": `protocol_whitelist`,
`format_whitelist`). Recordings are none of these: only forms that hold their pictures themselves
are read, and nothing but the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

# What recorders write, and raw streams.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "mpegts",
    "matroska,webm",
    "flv",
    "asf",
    "avi",
    "nut",
    "mpeg",
    "h264",
    "hevc",
    "mjpeg",
    "mpjpeg",
    "ivf",
    "dhav",
)
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}


def open_recording(path: Path) -> Any:
    """Open *path*, a container that is closed at the end of a `with`.

    Raises:
        av.FFmpegError, OSError: it cannot be read, or is of a form that is no recording.
    """
    # Absolute, and so never taken for an address.
    return av.open(str(path.absolute()), metadata_errors="ignore", options=OPTIONS)


def keep_from_hanging(decoder: Any) -> None:
    """Have H.265 decoded by one thread: several wait for each other for ever at damaged pictures.

    Of FFmpeg 8.0; a decoder that is not open yet.
    """
    if decoder.name == "hevc":
        decoder.thread_count = 1
