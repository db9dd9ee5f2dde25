"""The footage: encoded once, looped by stream copy into segments, kept outside the repository.

The picture moves and carries noise, so that 4 Mbit/s are really spent; the loop is a whole number
of GOPs and of AAC packets, so frame N of a set begins N / 25 s and sound packet N begins
N * 1024 / 48000 s after its first picture, exactly, through all loops and segments.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av

from bench.encode import CAMERA, SOUND_PACKET, SOUND_RATE, Picture, encode
from cameras.timeline import Interval

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SUFFIX = {"mp4": "mp4", "fmp4": "mp4", "mpegts": "ts"}
# mp4: the index in front, as Frigate records. fMP4: fragments of a second, as MediaMTX does.
SEGMENT_OPTIONS = {
    "mp4": ("mp4", "movflags=+faststart"),
    "fmp4": ("mp4", "movflags=+delay_moov+default_base_moof:frag_duration=1000000"),
    "mpegts": ("mpegts", ""),
}


@dataclass(frozen=True)
class Source:
    """A segment as the archive's index knows it."""

    id: int
    begin: datetime
    seconds: float
    path: Path

    @property
    def end(self) -> datetime:
        return self.begin + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class FootageSet:
    """An archive of one stream: *seconds* long, in closed files of *segment_seconds*."""

    name: str
    container: str
    segment_seconds: int
    seconds: int = 3600
    picture: Picture = CAMERA

    def folder(self, root: Path) -> Path:
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:8]
        return root / "footage" / f"{self.name}-{digest}"

    def make(self, root: Path) -> list[Source]:
        """Return the segments by time, made now if they are not there yet."""
        folder = self.folder(root)
        if not folder.exists():
            partial = folder.with_name(f".{folder.name}.{os.getpid()}")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            write_segments(self, encode(root, self.picture), partial)
            partial.rename(folder)
        return number_segments(sorted(folder.iterdir()), self.segment_seconds)


def write_segments(footage: FootageSet, base: Path, folder: Path) -> None:
    """Loop *base* into segments with ffmpeg's segment muxer, which cuts at keyframes."""
    form, options = SEGMENT_OPTIONS[footage.container]
    target = folder / f"%05d.{SUFFIX[footage.container]}"
    muxing = {
        "segment_format": form,
        "segment_format_options": options,
        "segment_time": str(footage.segment_seconds),
        "reset_timestamps": "0" if footage.container == "mpegts" else "1",
    }
    with (
        av.open(str(base)) as source,
        av.open(str(target), "w", format="segment", options=muxing) as output,
    ):
        streams = {}
        for stream in (source.streams.video[0], source.streams.audio[0]):
            streams[stream.index] = output.add_stream_from_template(stream)
            if footage.picture.codec == "hevc" and stream.type == "video":
                streams[stream.index].codec_context.codec_tag = "hvc1"
        packets = read_base(source)
        for packet in looped(packets, footage.seconds, footage.picture.loop_seconds):
            packet.stream = streams[packet.stream.index]
            output.mux_one(packet)


@dataclass(frozen=True)
class Kept:
    """A packet of the base: its data, and its times in ticks of its stream from zero."""

    stream: Any
    data: bytes
    pts: int
    dts: int
    is_keyframe: bool


def read_base(source: Any) -> list[Kept]:
    """Read all packets; the encoder's priming packet goes, so that sound begins at zero."""
    video, audio = source.streams.video[0], source.streams.audio[0]
    found = [packet for packet in source.demux(video, audio) if packet.size]
    pictures = [packet for packet in found if packet.stream is video]
    sounds = [packet for packet in found if packet.stream is audio][1:]
    zero = {video.index: min(packet.pts for packet in pictures), audio.index: sounds[0].pts}
    per_loop = round(len(pictures) / 25 * SOUND_RATE / SOUND_PACKET)
    kept = [
        Kept(
            packet.stream,
            bytes(packet),
            packet.pts - zero[packet.stream.index],
            packet.dts - zero[packet.stream.index],
            packet.is_keyframe,
        )
        for packet in (*pictures, *sounds[:per_loop])
    ]
    return sorted(kept, key=lambda item: item.dts * item.stream.time_base)


def looped(packets: Sequence[Kept], seconds: int, loop_seconds: int) -> Iterator[Any]:
    """Yield packets until *seconds* are full; the last loop may be a part of one."""
    for begin in range(0, seconds, loop_seconds):
        for item in packets:
            base = item.stream.time_base
            if begin + item.pts * base >= seconds:
                continue
            packet = av.Packet(item.data)
            packet.stream = item.stream
            packet.time_base = base
            packet.pts = item.pts + round(begin / base)
            packet.dts = item.dts + round(begin / base)
            packet.is_keyframe = item.is_keyframe
            yield packet


def number_segments(paths: Sequence[Path], segment_seconds: float) -> list[Source]:
    return [
        Source(
            index + 1,
            BEGIN + timedelta(seconds=index * segment_seconds),
            segment_seconds,
            path,
        )
        for index, path in enumerate(paths)
    ]


def repeat(sources: Sequence[Source], times: int, folder: Path) -> list[Source]:
    """Hard-link *sources* under *times* other names and begins: a day out of an hour."""
    links = []
    for turn in range(times):
        (folder / f"{turn:02}").mkdir(parents=True, exist_ok=True)
        for source in sources:
            link = folder / f"{turn:02}" / source.path.name
            if not link.exists():
                link.hardlink_to(source.path)
            links.append(link)
    return number_segments(links, sources[0].seconds)


def touching(sources: Sequence[Source], asked: Interval) -> list[Source]:
    return [item for item in sources if item.begin < asked.end and item.end > asked.begin]


def interval(begin: float, seconds: float) -> Interval:
    first = BEGIN + timedelta(seconds=begin)
    return Interval(first, first + timedelta(seconds=seconds))
