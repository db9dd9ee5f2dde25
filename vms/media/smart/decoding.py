"""Decoding chosen pictures of a segment, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from vms.media.opening import keep_from_hanging
from vms.media.smart.configuration import Configuration
from vms.media.smart.source import Ints, Reader, Unencodable

THREADS = 2
# What the encoders take as it is; a conversion would be seen.
FORMATS = {
    "h264": {"yuv420p", "yuvj420p"},
    "hevc": {"yuv420p", "yuvj420p", "yuv420p10le"},
}


class Decoder:
    """Decodes samples from the first on; keeps no picture it has given."""

    def __init__(self, reader: Reader, config: Configuration) -> None:
        self.reader = reader
        self.formats = FORMATS[config.codec]
        self.context = cast("VideoCodecContext", av.CodecContext.create(config.codec, "r"))
        self.context.extradata = config.record
        self.context.thread_count = THREADS
        keep_from_hanging(self.context)

    @property
    def aspect(self) -> Fraction | None:
        """The shape of a pixel, None when the recording does not say."""
        return self.context.sample_aspect_ratio or None

    def pictures(self, wanted: Ints) -> Iterator[VideoFrame | None]:
        """Yield the pictures of the samples *wanted*, which are given in the order of showing.

        None comes for every other picture decoded on the way.

        Raises:
            Unencodable: a picture is damaged, interlaced, out of order, of another size than the
                first, or of a pixel format that would have to be converted.
        """
        expected = iter(wanted.tolist())
        among = set(wanted.tolist())
        shape = None
        for frame in self.frames(int(wanted.max())):
            if frame.pts not in among:
                yield None
                continue
            if frame.pts != next(expected, None):
                raise Unencodable("its pictures come in an odd order")
            shape = shape or shape_of(frame)
            self.check(frame, shape)
            frame.pict_type = PictureType.NONE  # else the encoder makes the same kind of picture
            yield frame
        if next(expected, None) is not None:
            raise Unencodable("its pictures are damaged")

    def frames(self, last: int) -> Iterator[VideoFrame]:
        """Decode the samples up to *last*; each picture's time is the number of its sample."""
        try:
            for index in range(last + 1):
                packet = av.Packet(self.reader.read(index))
                packet.pts = packet.dts = index
                yield from self.context.decode(packet)
            yield from self.context.decode(None)
        except av.FFmpegError as error:
            raise Unencodable("its pictures are damaged") from error

    def check(self, frame: VideoFrame, shape: tuple[int, int, str]) -> None:
        if shape_of(frame) != shape:
            raise Unencodable("its pictures change their size")
        if frame.format.name not in self.formats:
            raise Unencodable("its pictures have an unusual colour format")
        if frame.interlaced_frame:
            raise Unencodable("its pictures are interlaced")


def shape_of(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
