"""A picture or a few seconds straight from a camera, for when nothing of it was recorded lately.

The camera's address comes on our input and is handed to the libraries in memory: it may hold a
password, and command lines are read by everybody on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import av

from cameras.sources import file_path
from previews.errors import CannotRender, is_no_room
from previews.rendering_clips import PLAYED, PLAYED_SOUND, render_clip
from previews.rendering_jpeg import encode_jpeg

UNREACHABLE = "The camera delivers no picture at the moment."
# To connect, and between two packets.
SILENT_SECONDS = 5.0


def pull_picture(*, url: str, width: int | None, seconds: float, target: str) -> dict[str, Any]:
    """Write the first whole picture of the stream at *url* to *target*, within *seconds*.

    Raises:
        CannotRender: there is none.
    """
    deadline = time.monotonic() + seconds
    with opened(url) as source:
        stream = source.streams.video[0]
        stream.thread_type = "NONE"
        for packet in packets_of(source, stream, deadline):
            for frame in stream.codec_context.decode(packet):
                if not frame.is_corrupt:
                    shape = stream.codec_context.sample_aspect_ratio or None
                    Path(target).write_bytes(encode_jpeg(frame, width, shape))
                    return {}
    raise CannotRender(UNREACHABLE)


def pull_clip(
    *, url: str, length: float, keeps_codec: bool, seconds: float, target: str
) -> dict[str, Any]:
    """Write *length* seconds of the stream at *url* to *target*, or what comes within *seconds*.

    Raises:
        CannotRender: nothing comes.
    """
    pulled = Path(f"{target}.pulled.mp4")
    try:
        codec = record(url, length, time.monotonic() + seconds, pulled)
        if keeps_codec or codec in PLAYED:
            pulled.rename(target)
        else:
            segment = {"id": 1, "begin": 0, "path": str(pulled), "sidecar": f"{pulled}.idx"}
            render_clip(segments=[segment], at=0, seconds=length, keeps_codec=False, target=target)
    finally:
        pulled.unlink(missing_ok=True)
        Path(f"{pulled}.idx").unlink(missing_ok=True)
    return {}


def record(url: str, length: float, deadline: float, target: Path) -> str:
    """Copy packets from the first keyframe on; returns the codec of the pictures."""
    options = {"movflags": "+faststart"}
    with opened(url) as source, av.open(str(target), "w", container_options=options) as output:
        wanted = [source.streams.video[0], *playable(source.streams.audio)[:1]]
        tracks = {one.index: output.add_stream_from_template(one) for one in wanted}
        begins: dict[str, Fraction] = {}
        for packet in packets_of(source, wanted, deadline):
            at = packet.pts * packet.time_base
            if "video" not in begins and not (packet.stream.type == "video" and packet.is_keyframe):
                continue
            begin = begins.setdefault("video", packet.dts * packet.time_base)
            if at < begin:
                continue
            if packet.stream.type == "video" and at - begin >= length:
                break
            move = round(begin / packet.time_base)
            packet.pts, packet.dts = packet.pts - move, packet.dts - move
            packet.stream = tracks[packet.stream.index]
            output.mux(packet)
        if not begins:
            raise CannotRender(UNREACHABLE)
        return codec_of(wanted[0])


def playable(streams: Any) -> list[Any]:
    return [one for one in streams if one.codec_context and codec_of(one) in PLAYED_SOUND]


def codec_of(stream: Any) -> str:
    """Name the codec itself, not the decoder that was chosen for it."""
    return str(stream.codec_context.codec.canonical_name)


def packets_of(source: Any, streams: Any, deadline: float) -> Iterator[Any]:
    """Yield whole packets that tell their time, until the *deadline*."""
    for packet in source.demux(streams):
        if packet.size and packet.pts is not None and packet.dts is not None:
            yield packet
        if time.monotonic() > deadline:
            return


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """Open the stream at *url*, an address that streams may have.

    Raises:
        CannotRender: it cannot be reached, or is broken; what the libraries say of it is left out.
    """
    scheme, _, rest = url.partition(":")
    place = unquote(file_path(rest)) if scheme == "file" else url
    # To count frames a second takes seconds in which nothing is shown.
    options = {"fpsprobesize": "0"}
    if scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    try:
        with av.open(
            place, metadata_errors="ignore", timeout=SILENT_SECONDS, options=options
        ) as container:
            if not container.streams.video:
                raise CannotRender(UNREACHABLE)
            yield container
    except (av.FFmpegError, OSError, ValueError) as error:
        if is_no_room(error):
            raise
        raise CannotRender(UNREACHABLE) from error
