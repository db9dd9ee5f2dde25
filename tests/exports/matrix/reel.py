"""What a synthetic camera sent, packet by packet: numbered pictures, and a beep each full second.

A reel is encoded once in a process and cut into segments as often as tests like
(`tests.exports.matrix.archive`). Its pictures are numbered from 0; times count from `BEGIN`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from io import BytesIO

import av
import numpy as np

from cameras.demo.numbers import draw_number
from cameras.demo.picture import Picture, chroma
from cameras.demo.sound import BEEP_HERTZ, BEEP_SECONDS

CLOCK = 90_000
# Encoders begin before their first picture or sample; the reel's own clock stays above zero.
LEAD_SECONDS = 8
PACKET_SECONDS = Fraction(1, 50)
ENCODERS = {"h264": "libx264", "hevc": "libx265", "mp3": "libmp3lame", "opus": "libopus"}
KINDS = {"aac": "fltp", "mp3": "fltp", "ac3": "fltp", "opus": "s16"}


@dataclass(frozen=True)
class Camera:
    """How a camera encodes; *gop* counts pictures, *jitter* is the share of a picture's length by
    which its times wander, *sound* the seconds between which there is any.
    """

    fps: Fraction = Fraction(10)
    gop: int = 20
    bframes: int = 0
    open_gop: bool = False
    pyramid: bool = True
    codec: str = "h264"
    jitter: float = 0
    clock: int = CLOCK
    width: int = 96
    height: int = 54
    audio: str | None = "aac"
    rate: int = 16_000
    sound: tuple[float, float] = (0, 3600)

    @property
    def step(self) -> Fraction:
        return 1 / Fraction(self.fps)

    def ticks(self, number: int) -> int:
        """Return when picture *number* is taken, on the camera's clock."""
        wander = random.Random(number).uniform(-0.5, 0.5) * self.jitter if number else 0
        return round((number + Fraction(wander)) * self.step * self.clock)


@dataclass(frozen=True)
class Piece:
    """One encoded packet; times in ticks of *base* seconds, *number* is -1 for sound."""

    pts: int
    dts: int
    duration: int
    base: Fraction
    content: bytes
    key: bool
    number: int = -1

    @property
    def at(self) -> Fraction:
        return self.pts * self.base

    def packet(self, stream: av.stream.Stream, origin: Fraction) -> av.Packet:
        """Make a packet of it for *stream*, in a file whose clock begins at *origin*."""
        packet = av.Packet(self.content)
        packet.time_base, packet.stream = self.base, stream
        move = round(origin / self.base)
        packet.pts, packet.dts, packet.duration = self.pts - move, self.dts - move, self.duration
        packet.is_keyframe = self.key
        return packet


class Reel:
    """What a camera sends in some seconds: `video` in decode order, `audio`, templates of both."""

    def __init__(self, camera: Camera, seconds: float) -> None:
        self.camera = camera
        self.count = round(Fraction(seconds) * camera.fps)
        self.numbers = {camera.ticks(number): number for number in range(self.count)}
        self.video: list[Piece] = []
        self.audio: list[Piece] = []
        file = BytesIO()
        with av.open(file, "w", format="nut") as output:
            self.encode(output)
        self.source = av.open(BytesIO(file.getvalue()))
        self.templates = list(self.source.streams)

    @cached_property
    def heard(self) -> list[Fraction]:
        """When each packet of sound begins."""
        return [piece.at for piece in self.audio]

    def encode(self, output: av.container.OutputContainer) -> None:
        """Encode all; what goes into *output* only serves as a template."""
        camera = self.camera
        video = add_video(output, camera)
        audio = add_audio(output, camera) if camera.audio else None
        for frame in [*pictures(camera, self.count), None]:
            for packet in video.encode(frame):
                self.video.append(self.picture(packet))
                output.mux(packet)
        if audio is None:
            return
        for part in [*sound(camera, float(self.count * camera.step)), None]:
            for packet in audio.encode(part):
                self.audio.append(piece(packet, packet.duration))
                output.mux(packet)

    def picture(self, packet: av.Packet) -> Piece:
        ticks = packet.pts - LEAD_SECONDS * self.camera.clock
        number = self.numbers[ticks]
        return piece(packet, self.camera.ticks(number + 1) - ticks, number)


def piece(packet: av.Packet, duration: int, number: int = -1) -> Piece:
    base = packet.time_base
    pts, dts = (when - round(LEAD_SECONDS / base) for when in (packet.pts, packet.dts))
    return Piece(pts, dts, duration, base, bytes(packet), bool(packet.is_keyframe), number)


@cache
def reel(camera: Camera, seconds: float) -> Reel:
    return Reel(camera, seconds)


def add_video(output: av.container.OutputContainer, camera: Camera) -> av.VideoStream:
    stream = output.add_stream(ENCODERS[camera.codec], rate=camera.fps)
    stream.width, stream.height, stream.pix_fmt = camera.width, camera.height, "yuv420p"
    context = stream.codec_context
    stream.time_base = context.time_base = Fraction(1, camera.clock)
    context.flags |= av.codec.context.Flags.global_header
    context.gop_size, context.max_b_frames, context.thread_count = camera.gop, camera.bframes, 1
    options = {"preset": "ultrafast", "bf": str(camera.bframes)}
    if camera.codec == "hevc":
        keys = f"keyint={camera.gop}:min-keyint={camera.gop}:scenecut=0:b-adapt=0"
        pools = "pools=none:frame-threads=1:log-level=error"
        groups = f"bframes={camera.bframes}:open-gop={camera.open_gop:d}"
        options["x265-params"] = f"{keys}:{pools}:{groups}"
    else:
        options |= {"keyint_min": str(camera.gop), "sc_threshold": "0", "b_strategy": "0"}
        pyramid = "normal" if camera.pyramid else "none"
        options["x264-params"] = f"open-gop={camera.open_gop:d}:b-pyramid={pyramid}"
    context.options = options
    return stream


def pictures(camera: Camera, count: int) -> Iterator[av.VideoFrame]:
    width, height = camera.width, camera.height
    ground = Picture(width, height, 1)
    planes = np.frombuffer(chroma(width, height, (128, 128)), np.uint8)
    for number in range(count):
        gray = ground.ground(number)
        draw_number(gray, number)
        whole = np.concatenate([gray.reshape(-1), planes]).reshape(-1, width)
        frame = av.VideoFrame.from_ndarray(whole, format="yuv420p")
        frame.pts = camera.ticks(number) + LEAD_SECONDS * camera.clock
        frame.time_base = Fraction(1, camera.clock)
        yield frame


def add_audio(output: av.container.OutputContainer, camera: Camera) -> av.AudioStream:
    assert camera.audio is not None
    stream = output.add_stream(ENCODERS.get(camera.audio, camera.audio), rate=camera.rate)
    stream.codec_context.layout = "mono"
    stream.codec_context.format = KINDS.get(camera.audio, "s16")
    stream.codec_context.flags |= av.codec.context.Flags.global_header
    return stream


def sound(camera: Camera, seconds: float) -> Iterator[av.AudioFrame]:
    """Yield the sound of the camera, its first sample heard with the first picture or later."""
    begin, end = camera.sound
    samples = np.arange(round(begin * camera.rate), round(min(end, seconds) * camera.rate))
    times = samples / camera.rate
    wave = 0.5 * np.sin(BEEP_HERTZ * 2 * np.pi * times) * (times % 1 < BEEP_SECONDS)
    kind = KINDS.get(str(camera.audio), "s16")
    level = wave.astype(np.float32) if kind == "fltp" else (wave * 32767).astype(np.int16)
    length = round(camera.rate * PACKET_SECONDS)
    for first in range(0, len(samples), length):
        part = level[None, first : first + length]
        frame = av.AudioFrame.from_ndarray(part, format=kind, layout="mono")
        frame.sample_rate, frame.time_base = camera.rate, Fraction(1, camera.rate)
        frame.pts = int(samples[first]) + LEAD_SECONDS * camera.rate
        yield frame
