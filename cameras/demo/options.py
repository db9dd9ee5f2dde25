"""The options of a `demo:` address: `demo:?size=640x360&fps=15&gop=30&sound=1&tint=90x150`.

Every one may be left out. Apart from the camera, whose pictures take libraries that the web
process is spared.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from cameras.demo.encoding import Encoding
from cameras.sources import BadSource

LIMITS = {"fps": (1, 60), "gop": (1, 600), "sound": (0, 1)}
SIDES = (32, 4096)
LEVELS = (0, 255)


def read_encoding(url: str) -> Encoding:
    """Read the options of a `demo:` address.

    Raises:
        BadSource: an option is unknown or out of range.
    """
    fps, gop, sound = 15, None, 1
    size, tint = (640, 360), (128, 128)
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if name == "size":
            size = read_pair(name, value, SIDES)
        elif name == "tint":
            tint = read_pair(name, value, LEVELS)
        elif name == "fps":
            fps = read_whole(name, value)
        elif name == "gop":
            gop = read_whole(name, value)
        elif name == "sound":
            sound = read_whole(name, value)
        else:
            raise BadSource("A demo: address takes the options size, fps, gop, sound and tint.")
    if size[0] % 2 or size[1] % 2:
        raise BadSource("Both sides of a demo camera's size have to be even.")
    return Encoding(
        width=size[0],
        height=size[1],
        fps=fps,
        gop=gop or 2 * fps,
        audio="aac" if sound else None,
        tint=tint,
    )


def read_whole(name: str, text: str) -> int:
    low, high = LIMITS[name]
    if not text.isdecimal() or not low <= int(text) <= high:
        raise BadSource(f"The option {name} of a demo: address is a number from {low} to {high}.")
    return int(text)


def read_pair(name: str, text: str, limits: tuple[int, int]) -> tuple[int, int]:
    low, high = limits
    sides = [int(side) for side in text.split("x") if side.isdecimal()]
    if len(sides) != 2 or not all(low <= side <= high for side in sides):  # noqa: PLR2004 - a pair
        raise BadSource(f"The option {name} of a demo: address is two numbers: {low}x{high}.")
    return sides[0], sides[1]
