"""Encoding pictures so that neither an eye nor a decoder minds passing on to those copied.

Same size, profile, level, colours, aspect and rate; one IDR picture, then none shown out of order.
Threads are a fixed number, so that the same pictures give the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vms.media.smart.configuration import AvcRecord
from vms.media.smart.source import Unencodable
from vms.media.smart.units import (
    H264_PICTURES,
    HEVC_PICTURES,
    h264_kind,
    hevc_kind,
    split_stream,
)

# 10 pictures of 1080p take about 0.15 s (H.264) and 0.35 s (H.265) on two cores; both differ from
# the decoded pictures by some 46 dB.
H264_QUALITY = {"preset": "superfast", "crf": "18"}
HEVC_QUALITY = {"preset": "ultrafast", "crf": "20"}
H264_PARAMETERS = (
    "keyint=infinite:scenecut=0:bframes=0:ref=1:rc-lookahead=0:sync-lookahead=0:mbtree=0"
    ":threads=2:sliced-threads=0:nal-hrd=none"
)
HEVC_PARAMETERS = (
    "log-level=none:keyint=-1:scenecut=0:bframes=0:b-adapt=0:ref=1:rc-lookahead=0"
    ":lookahead-slices=0:frame-threads=1:pools=2:no-info=1:open-gop=0"
)
H264_PROFILES = {66: "baseline", 77: "main", 100: "high"}
# Level 1b is 1.1 with a flag, below High (14496-10 section A.3.1).
HIGH, LEVEL_1_1, FLAG_1B = 100, 11, 0x10
# `chroma_format` of `avcC`
YUV_420 = 1


@dataclass(frozen=True)
class Choice:
    """An encoder and what it is told."""

    encoder: str
    options: dict[str, str]


def h264_choice(record: AvcRecord, parameter_set: int) -> Choice:
    """Encode as *record* says, with both parameter sets numbered *parameter_set*.

    Raises:
        Unencodable: the profile is one x264 does not have, or one of unusual pixel formats.
    """
    profile = H264_PROFILES.get(record.profile)
    if profile is None:
        raise Unencodable("its pictures have an unusual H.264 profile")
    if record.tail and record.tail[0] & 3 != YUV_420:
        raise Unencodable("its pictures have an unusual colour format")
    is_1b = record.level == LEVEL_1_1 and record.compatibility & FLAG_1B and record.profile < HIGH
    level = "1b" if is_1b else str(record.level)
    parameters = f"{H264_PARAMETERS}:sps-id={parameter_set}:level={level}"
    return Choice(
        "libx264", {**H264_QUALITY, "profile": profile, "a53cc": "0", "x264-params": parameters}
    )


def hevc_choice() -> Choice:
    return Choice("libx265", {**HEVC_QUALITY, "a53cc": "0", "x265-params": HEVC_PARAMETERS})


class Encoder:
    """Encodes pictures in the order they are shown; the first decides how they look."""

    def __init__(self, choice: Choice, rate: Fraction) -> None:
        """*rate* is in pictures a second."""
        self.choice = choice
        self.rate = rate
        self.is_h264 = choice.encoder == "libx264"
        self.context: VideoCodecContext | None = None
        self.count = 0

    @property
    def parameter_sets(self) -> list[bytes]:
        """The sets of all pictures, there as soon as one was given."""
        return split_stream(bytes((self.context and self.context.extradata) or b""))

    def encode(self, frame: VideoFrame, aspect: Fraction | None) -> Iterator[list[bytes]]:
        """Take a picture with pixels of this *aspect*; yields the units of those that are done.

        Raises:
            Unencodable: the encoder refuses.
        """
        if self.context is None:
            self.context = self.opened(frame, aspect)
        frame.pts, frame.time_base = self.count, 1 / self.rate
        self.count += 1
        yield from self.pass_on(self.context, frame)

    def finish(self) -> Iterator[list[bytes]]:
        """Yield the units of what is left; raises as `encode` does."""
        if self.context is not None:
            yield from self.pass_on(self.context, None)

    def opened(self, like: VideoFrame, aspect: Fraction | None) -> VideoCodecContext:
        context = cast("VideoCodecContext", av.CodecContext.create(self.choice.encoder, "w"))
        context.width, context.height = like.width, like.height
        context.pix_fmt = like.format.name
        context.time_base, context.framerate = 1 / self.rate, self.rate
        if aspect:
            context.sample_aspect_ratio = aspect
        context.color_range = like.color_range
        context.color_primaries = like.color_primaries
        context.color_trc = like.color_trc
        context.colorspace = like.colorspace
        context.flags |= Flags.global_header | Flags.bitexact
        context.options = dict(self.choice.options)
        try:
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise Unencodable("the encoder refuses its pictures") from error
        return context

    def pass_on(
        self, context: VideoCodecContext, frame: VideoFrame | None
    ) -> Iterator[list[bytes]]:
        try:
            packets = context.encode(frame)
        except av.FFmpegError as error:
            raise Unencodable("the encoder refuses its pictures") from error
        for packet in packets:
            yield [unit for unit in split_stream(bytes(packet)) if self.is_picture(unit)]

    def is_picture(self, unit: bytes) -> bool:
        """Say whether this is part of a picture; the parameter sets are in the sample entry."""
        if self.is_h264:
            return h264_kind(unit) in H264_PICTURES
        return hevc_kind(unit) in HEVC_PICTURES
