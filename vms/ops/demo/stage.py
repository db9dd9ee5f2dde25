"""What is there before the demonstration begins: people, cameras and three minutes of past.

Everything is found again by a second run; only what is missing of the past is made.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings

from cameras.archive.filing import own_folder
from cameras.archive.index import covered
from cameras.archive.single import index_file
from cameras.demo.footage import RenderFailed, render_footage
from cameras.demo.options import read_encoding
from cameras.demo.picture import frame_instant, frame_number
from cameras.models import Camera, CameraAccess, Segment, Stream
from cameras.timeline import Interval, find_gaps
from vms.accounts.models import User
from vms.media.ffmpeg import NoFfmpeg, find_ffmpeg
from vms.ops.demo.errors import DemoFailed

PAST = timedelta(minutes=3)
DAYS_KEPT = 1


@dataclass(frozen=True)
class DemoStream:
    type: str
    uuid: UUID
    url: str


@dataclass(frozen=True)
class DemoCamera:
    name: str
    uuid: UUID
    streams: tuple[DemoStream, ...]


# Frame rates whose frames fall on whole microseconds, so that times read back are exact.
CAMERAS = (
    DemoCamera(
        "Demo gate",
        UUID("5f0d1c1e-0a51-4d56-9c5e-6f1f3c6c0a01"),
        (
            DemoStream(
                "high",
                UUID("5f0d1c1e-0a51-4d56-9c5e-6f1f3c6c0b01"),
                "demo:?size=640x360&fps=20&gop=40&tint=110x140",
            ),
        ),
    ),
    DemoCamera(
        "Demo yard",
        UUID("5f0d1c1e-0a51-4d56-9c5e-6f1f3c6c0a02"),
        (
            DemoStream(
                "high",
                UUID("5f0d1c1e-0a51-4d56-9c5e-6f1f3c6c0b02"),
                "demo:?size=640x360&fps=25&gop=50&tint=140x110",
            ),
            DemoStream(
                "low",
                UUID("5f0d1c1e-0a51-4d56-9c5e-6f1f3c6c0b03"),
                "demo:?size=320x180&fps=10&gop=20&tint=140x110",
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Login:
    login: str
    password: str


def make_login(login: str, name: str, *, is_operator: bool) -> Login:
    """Make a user, or give the one of an earlier run a new password."""
    user, _ = User.objects.get_or_create(login=login)
    user.name, user.is_staff, user.is_superuser = name, is_operator, is_operator
    password = secrets.token_urlsafe(9)
    user.set_password(password)
    user.save()
    return Login(login, password)


def make_camera(wanted: DemoCamera, login: str) -> Camera:
    """Make a recorded camera that *login* may see, or find the one of an earlier run."""
    camera, _ = Camera.objects.update_or_create(
        uuid=wanted.uuid,
        defaults={"name": wanted.name, "archive_storage_days": DAYS_KEPT},
    )
    for stream in wanted.streams:
        Stream.objects.update_or_create(
            camera=camera,
            type=stream.type,
            defaults={"uuid": stream.uuid, "url": stream.url, "is_enabled": True},
        )
    CameraAccess.objects.update_or_create(
        user=User.objects.get(login=login),
        camera=camera,
        defaults={"status": CameraAccess.Status.ACTIVE},
    )
    return camera


def make_past(cameras: list[Camera], end: datetime) -> int:
    """Fill what is missing of the past of every stream up to *end*; return the files made.

    Several films are made at once: most of the work is done by ffmpeg.

    Raises:
        DemoFailed: a film could not be made.
    """
    wanted = Interval(end - PAST, end)
    streams = list(Stream.objects.filter(camera__in=cameras).order_by("-width", "pk"))
    missing = [
        (stream, gap)
        for stream in streams
        for gap in find_gaps(wanted, covered(stream, wanted, timedelta()))
    ]
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda pair: film(*pair), missing))
    for (stream, _), files in zip(missing, made, strict=True):
        folder = own_folder(stream.pk, stream.uuid)
        for file in files:
            index_file(folder, file.relative_to(folder.path).as_posix())
    return sum(len(files) for files in made)


def has_live_footage(cameras: list[Camera], since: datetime) -> bool:
    """Say whether every stream's archive goes on after *since*: the recorder has done its part."""
    live = Segment.objects.filter(end__gt=since + timedelta(seconds=1))
    streams = Stream.objects.filter(camera__in=cameras)
    return not streams.exclude(pk__in=live.values("stream")).exists()


def film(stream: Stream, gap: Interval) -> list[Path]:
    """Film the pictures of *gap*, as the stream's live camera would have shown them."""
    encoding = read_encoding(stream.url)
    # A frame that begins within the gap's first millisecond begins at it: times are rounded.
    first = frame_number(gap.begin - timedelta(milliseconds=1), encoding.fps) + 1
    begin = frame_instant(first, encoding.fps)
    seconds = (gap.end - begin).total_seconds()
    if round(seconds * encoding.fps) < 1:
        return []
    try:
        return render_footage(
            find_ffmpeg(settings.VMS["VMS_FFMPEG"]),
            Path(settings.ARCHIVE_DIR) / str(stream.uuid),
            begin,
            seconds,
            encoding=encoding,
            segment_seconds=settings.VMS["VMS_SEGMENT_SECONDS"],
        )
    except (NoFfmpeg, RenderFailed) as error:
        raise DemoFailed(f"The past archive could not be filmed: {error}") from error
