"""A decoded picture as a JPEG file: scaled down, its points square, its colours those of JFIF."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation

# From 2, the best, to 31. At 3 a picture of 640 points has some 40 kB and no visible blocks.
QUALITY = "3"
# Pictures that do not say what their colours mean are what players take them for.
HD_HEIGHT = 720
SAID = frozenset({Colorspace.ITU709, Colorspace.ITU601, Colorspace.FCC, Colorspace.SMPTE240M})
LEAST = 16


def encode_jpeg(frame: VideoFrame, width: int | None, shape: Fraction | None = None) -> bytes:
    """Encode *frame*, at most *width* points wide; *shape* is that of its points."""
    size = size_of(frame, width, shape)
    scaled = frame.reformat(
        *size, "yuv420p", dst_color_range=ColorRange.JPEG, interpolation=Interpolation.AREA
    )
    if colours_of(frame) is not Colorspace.ITU601:
        scaled = scaled.reformat(
            src_colorspace=colours_of(frame),
            dst_colorspace=Colorspace.ITU601,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG,
        )
    return encode(scaled)


def size_of(frame: VideoFrame, width: int | None, shape: Fraction | None) -> tuple[int, int]:
    """Return width and height: not larger than the picture is shown, even, of the same form."""
    shown = round(frame.width * (shape or 1))
    wide = min(shown, width or shown)
    return even(wide), even(Fraction(frame.height * wide, shown))


def even(length: Fraction | int) -> int:
    return max(LEAST, round(length / 2) * 2)


def colours_of(frame: VideoFrame) -> Any:
    """Return by what rule the points of *frame* stand for colours."""
    if frame.colorspace in SAID:
        return Colorspace(frame.colorspace)
    return Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601


def encode(frame: VideoFrame) -> bytes:
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.color_range = ColorRange.JPEG
    context.options = {"qmin": QUALITY, "qmax": QUALITY}
    frame.pts = None
    packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
