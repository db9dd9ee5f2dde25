"""What a media file holds, read packet by packet with PyAV; nothing is decoded."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vms.media.mp4.index import FileIndex
from vms.media.mp4.summary import Summary, fill_durations
from vms.media.opening import open_recording

Times = NDArray[np.int64]

START_CODES = (b"\0\0\1", b"\0\0\0\1")

# Clocks in files may start anywhere, but within thirty years.
LONGEST_SECONDS = 30 * 366 * 86_400


# A plan may hold thousands of tracks; a day of pictures in one file stays under this.
MOST_KEPT = 3_000_000


class UnreadableMedia(Exception):
    """A file that cannot be used; `reason` is a short phrase for people, without any path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Columns:
    """The packets of one track in file (decode) order; every array has one entry a packet.

    `pts`, `duration` are in ticks, `size` in bytes; `key` marks keyframes, `hidden` packets that
    the file's own edit list keeps from being shown. Durations the file leaves out are filled in.
    """

    pts: Times
    duration: Times
    size: Times
    key: NDArray[np.bool_]
    hidden: NDArray[np.bool_]


class Track:
    """One track of a file: a summary at once, its packets when they are asked for.

    Times are in units of `time_base` seconds. `config` is equal for tracks that one decoder can
    go through without a break.
    """

    def __init__(
        self,
        codec: str,
        config: str,
        time_base: Fraction,
        summary: Summary,
        load: Callable[[], Columns],
    ) -> None:
        self.codec = codec
        self.config = config
        self.time_base = time_base
        self.summary = summary
        self.load = load
        self.loaded: Columns | None = None

    @classmethod
    def of_packets(cls, codec: str, config: str, time_base: Fraction, columns: Columns) -> Track:
        """Make a track of packets that are known already; there is at least one."""
        return cls(codec, config, time_base, summary_of(columns), lambda: columns)

    @property
    def columns(self) -> Columns:
        """Its packets; kept from then on unless there are very many."""
        columns = self.loaded or self.load()
        if self.summary.count <= MOST_KEPT:
            self.loaded = columns
        return columns

    def __len__(self) -> int:
        return self.summary.count

    @property
    def pts(self) -> Times:
        return self.columns.pts

    @property
    def duration(self) -> Times:
        return self.columns.duration

    @property
    def size(self) -> Times:
        return self.columns.size

    @property
    def key(self) -> NDArray[np.bool_]:
        return self.columns.key

    @property
    def hidden(self) -> NDArray[np.bool_]:
        return self.columns.hidden

    @property
    def begin(self) -> Fraction:
        """Seconds at which the first picture (or sound) is presented, on the file's own clock."""
        return self.summary.begin * self.time_base

    @property
    def end(self) -> Fraction:
        """Seconds at which the last one ends."""
        return self.summary.end * self.time_base

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Which packets are presented; all when the file claims to hide every one."""
        return ~self.hidden if not self.hidden.all() else self.hidden


def summary_of(columns: Columns) -> Summary:
    pts, duration, hidden = columns.pts, columns.duration, columns.hidden
    shown = ~hidden if not hidden.all() else hidden
    keys = np.flatnonzero(columns.key)
    return Summary(
        count=len(pts),
        bytes=int(columns.size.sum()),
        first=int(pts[0]),
        first_duration=int(duration[0]),
        begin=int(pts[shown].min()),
        latest=int(pts.max()),
        end=int((pts + duration)[shown].max()),
        first_key=int(keys[0]) if len(keys) else -1,
        hidden=int(np.count_nonzero(hidden)),
    )


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One file's first video track and its first audio track if any.

    `truncated` says that reading stopped at damage; what came before it is in the tracks. `index`
    tells where the samples are, for mp4 files that were read by their boxes.
    """

    format: str
    video: Track
    audio: Track | None
    width: int
    height: int
    size: int
    truncated: bool
    index: FileIndex | None = None

    @property
    def duration(self) -> Fraction:
        """Seconds of picture."""
        return self.video.end - self.video.begin

    @property
    def config(self) -> str:
        """Hash of both tracks' codecs: files that share it can be joined as they are."""
        parts = (self.video.config, self.audio.config if self.audio else "")
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def read_media(path: Path) -> MediaFile:
    """Read the tracks of *path*.

    Raises:
        UnreadableMedia: missing, empty, no media, no video, or not one whole video packet.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableMedia("the file is missing") from error
    if size == 0:
        raise UnreadableMedia("the file is empty")
    try:
        with open_recording(path) as container:
            return read_container(container, size)
    except (av.FFmpegError, OSError, ValueError, OverflowError) as error:
        raise UnreadableMedia("the file is damaged or not a video") from error


def read_container(container: Any, size: int) -> MediaFile:
    if not container.streams.video:
        raise UnreadableMedia("the file has no video track")
    video = container.streams.video[0]
    if video.codec_context is None:
        raise UnreadableMedia("the codec of its pictures is unknown")
    audio = next((one for one in container.streams.audio if one.codec_context is not None), None)
    packets, truncated = read_packets(container, [video, audio] if audio else [video])
    if not len(packets[video.index]):
        raise UnreadableMedia("the file has no whole picture")
    return MediaFile(
        format=container.format.name,
        video=make_track(video, packets[video.index]),
        audio=make_track(audio, packets[audio.index]) if audio and packets[audio.index] else None,
        width=video.codec_context.width,
        height=video.codec_context.height,
        size=size,
        truncated=truncated,
    )


class Packets:
    """What is kept of one track's packets: 26 bytes each, so a day of them stays small."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.flags = bytearray()

    def __len__(self) -> int:
        return len(self.flags) // 2

    def add(self, packet: Any, when: int) -> None:
        self.numbers.extend((when, packet.duration or 0, packet.size))
        self.flags.extend((packet.is_keyframe, packet.is_discard))


def read_packets(container: Any, streams: list[Any]) -> tuple[dict[int, Packets], bool]:
    """Collect packets by stream index; damage ends the reading, not the result."""
    found = {stream.index: Packets() for stream in streams}
    try:
        for packet in container.demux(streams):
            if packet.size == 0:
                continue  # PyAV's end-of-stream marker
            if packet.is_corrupt:
                return found, True
            when = packet.pts if packet.pts is not None else packet.dts
            if when is not None:
                found[packet.stream.index].add(packet, when)
    except (av.FFmpegError, OSError):
        return found, True
    return found, False


def make_track(stream: Any, packets: Packets) -> Track:
    numbers = np.frombuffer(packets.numbers, dtype=np.int64).reshape(-1, 3)
    flags = np.frombuffer(packets.flags, dtype=np.bool_).reshape(-1, 2)
    pts = numbers[:, 0]
    limit = LONGEST_SECONDS / stream.time_base
    if int(pts.max()) > limit or int(pts.min()) < -limit or int(numbers[:, 1].max()) > limit:
        raise UnreadableMedia("the times in the file are impossible")
    return Track.of_packets(
        stream.codec_context.codec.canonical_name,  # its own is that of the decoder: mp3float
        config_of(stream.codec_context),
        stream.time_base,
        Columns(
            pts=pts,
            duration=fill_durations(pts, numbers[:, 1]),
            size=numbers[:, 2],
            key=flags[:, 0],
            hidden=flags[:, 1],
        ),
    )


def config_of(context: Any) -> str:
    """Hash what must be equal for two tracks to share a decoder: codec, format, parameter sets."""
    extradata = bytes(context.extradata or b"")
    if extradata.startswith(START_CODES):
        extradata = extradata.rstrip(b"\0")  # padding between units of a byte stream
    # The decoder's name, not the codec's: kept rows have hashes of it.
    parts = [context.name, extradata.hex()]
    if context.type == "video":
        parts += [context.width, context.height]
    else:
        parts += [context.sample_rate, context.layout.name]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
