"""Following links to previews, and reading what they show."""

from __future__ import annotations

import io
from typing import Any

import av
from asgiref.sync import async_to_sync
from django.test import Client

from cameras.demo.numbers import read_number

ORIGIN = "http://testserver"


def look(url: str, method: str = "get", **headers: str) -> Any:
    """Follow a link; gives the answer, whose body is in `body`."""
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    answer = getattr(Client(), method)(url.removeprefix(ORIGIN), **named)
    answer.body = async_to_sync(gathered)(answer) if answer.streaming else answer.content
    return answer


async def gathered(answer: Any) -> bytes:
    return b"".join([block async for block in answer.streaming_content])


def picture_of(jpeg: bytes) -> Any:
    assert jpeg[:2] == b"\xff\xd8"
    assert jpeg[-2:] == b"\xff\xd9"
    with av.open(io.BytesIO(jpeg)) as file:
        return next(file.decode(video=0))


def number_of(jpeg: bytes) -> int | None:
    return read_number(picture_of(jpeg).to_ndarray(format="gray"))


def size_of(jpeg: bytes) -> tuple[int, int]:
    picture = picture_of(jpeg)
    return picture.width, picture.height


def streams_of(clip: bytes) -> list[str]:
    with av.open(io.BytesIO(clip)) as file:
        return [stream.codec_context.name for stream in file.streams]


def numbers_of(clip: bytes) -> list[int | None]:
    """Read the numbers of the pictures that a player shows."""
    with av.open(io.BytesIO(clip)) as file:
        frames = [frame for frame in file.decode(video=0) if frame.pts >= 0]
        return [read_number(frame.to_ndarray(format="gray")) for frame in frames]
