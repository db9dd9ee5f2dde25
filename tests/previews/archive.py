"""A camera with real footage in the archive, and links to it followed as clients follow them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any

import uvicorn
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.test import AsyncClient
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from cameras.models import ArchiveFolder, Camera
from tests import factories
from tests.footage import BEGIN, Footage
from tests.running import wait_until
from vms.accounts.models import User

AN_ORIGIN = "http://testserver"


def record(
    footage: Footage, owner: User | None, *more: Footage, missing: Iterable[int] = ()
) -> Camera:
    """Make a camera of *owner* with *footage* in our own archive; some segments may be missing."""
    camera = factories.camera(owner=owner, is_public=owner is None)
    stream = factories.stream(camera)
    path = settings.ARCHIVE_DIR / str(stream.pk)
    segments = footage.make(path)
    for number in missing:
        segments[number].unlink()
    for later in more:
        later.make(path)
    folder = ArchiveFolder.objects.create(stream=stream, path=str(path), layout="vms", is_own=True)
    scan_folder(folder, full=False, now=timezone.now())
    return camera


def resized() -> list[Footage]:
    """Describe twelve seconds whose pictures are larger in the middle third."""
    sizes = ((160, 90), (320, 180), (160, 90))
    return [
        Footage(seconds=4, begin=BEGIN + timedelta(seconds=4 * index), width=width, height=height)
        for index, (width, height) in enumerate(sizes)
    ]


def partly_heard(sound: str = "aac") -> list[Footage]:
    """Describe twelve seconds without sound in the middle third."""
    return [
        Footage(seconds=4, begin=BEGIN + timedelta(seconds=4 * index), audio=audio)
        for index, audio in enumerate((sound, None, sound))
    ]


def wire(seconds: float) -> str:
    """Write the instant so many seconds after the footage begins."""
    return f"{BEGIN + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%fZ}"


def asked(camera: Camera, begin: float, end: float, **more: Any) -> dict[str, Any]:
    return {"uuid": str(camera.uuid), "from": wire(begin), "to": wire(end), **more}


async def follow(url: str, method: str = "get", *, drain: bool = True, **headers: str) -> Any:
    """Ask for what is behind a link; gives the answer, whose body is in `body` when drained."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await getattr(AsyncClient(), method)(url.removeprefix(AN_ORIGIN), headers=sent)
    if drain:
        answer.body = await body_of(answer)
    return answer


async def body_of(answer: Any) -> bytes:
    if answer.streaming:
        return b"".join([block async for block in answer.streaming_content])
    return bytes(answer.content)


@contextmanager
def serving() -> Iterator[str]:
    """Serve the whole site on loopback, from this process; gives the address."""
    config = uvicorn.Config(ASGIHandler(), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
