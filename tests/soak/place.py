"""The installation of a soak: its folder and settings, its people and cameras."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

USERS = 30
TTL_SECONDS = 60
CLEANUP_SECONDS = 20
PREVIEW_CACHE_BYTES = 16 * 2**20
# Small pictures: what is soaked is the server, not the encoder. Two have sound.
STREAMS = (
    "demo:?size=320x180&fps=10&gop=20&sound=1&tint=110x140",
    "demo:?size=320x180&fps=10&gop=20&sound=1&tint=140x110",
    "demo:?size=320x180&fps=10&gop=20&tint=90x150",
    "demo:?size=320x180&fps=10&gop=20&tint=150x90",
)


@dataclass(frozen=True)
class Person:
    login: str
    password: str


def set_up(folder: Path) -> None:
    """Have this process, and what it starts, be the installation in *folder*.

    Must come before anything of ours that needs Django.
    """
    from tests.webhooks.receivers import write_certificates

    for name in ("data", "tmp", "certificates"):
        (folder / name).mkdir()
    write_certificates(folder / "certificates")
    for name in [name for name in os.environ if name.startswith("VMS_") and name != "VMS_FFMPEG"]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "vms.settings",
        "TMPDIR": str(folder / "tmp"),
        "VMS_DATA_DIR": str(folder / "data"),
        "VMS_PORT": "0",
        "VMS_LOG_FORMAT": "json",
        "VMS_EXPORT_TTL_SECONDS": str(TTL_SECONDS),
        "VMS_CLEANUP_INTERVAL_SECONDS": str(CLEANUP_SECONDS),
        "VMS_EXPORT_MAX_ACTIVE": "10",
        "VMS_PREVIEW_CACHE_BYTES": str(PREVIEW_CACHE_BYTES),
        "VMS_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "VMS_WEBHOOK_CA_FILE": str(folder / "certificates" / "ca.pem"),
    }
    import django

    django.setup()


def make_people_and_cameras() -> tuple[list[Person], list]:
    """Make the users, and the cameras all of them may watch, with minutes of past each."""
    import uuid

    from django.utils import timezone

    from cameras.models import CameraAccess
    from vms.accounts.models import User
    from vms.ops.demo.stage import DemoCamera, DemoStream, make_camera, make_login, make_past

    logins = [make_login(f"user{n}", f"User {n}", is_operator=False) for n in range(USERS)]
    people = [Person(made.login, made.password) for made in logins]
    cameras = [
        make_camera(
            DemoCamera(f"Camera {n}", uuid.uuid4(), (DemoStream("high", uuid.uuid4(), url),)),
            people[0].login,
        )
        for n, url in enumerate(STREAMS)
    ]
    others = User.objects.exclude(login=people[0].login)
    CameraAccess.objects.bulk_create(
        CameraAccess(user=user, camera=camera, status=CameraAccess.Status.ACTIVE)
        for user in others
        for camera in cameras
    )
    make_past(cameras, timezone.now().replace(microsecond=0))
    return people, cameras


def up_command() -> list[str]:
    from vms.env import PROJECT_DIR

    return [sys.executable, str(PROJECT_DIR / "manage.py"), "up"]
