"""What clients may send: one JSON object in a text frame of at most 16 KiB."""

from __future__ import annotations

import json
from typing import Any

# The web server cuts off what is four times as long by itself, with code 1009.
LARGEST_FRAME = 16 * 1024


class BadFrame(Exception):
    """A frame that cannot be read; the message is for the client."""


def read_frame(text: str | None) -> dict[str, Any]:
    """Read the JSON object in a frame; *text* is None for a binary frame.

    Raises:
        BadFrame: says what is wrong with it.
    """
    if text is None:
        raise BadFrame("Binary frames are not understood; send JSON as text.")
    if len(text.encode("utf-8", "replace")) > LARGEST_FRAME:
        raise BadFrame("The message is longer than 16 KiB.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:  # nesting of thousands of brackets
        raise BadFrame("The message is not JSON.") from error
    if not isinstance(message, dict):
        raise BadFrame("The message is not a JSON object.")
    return message
