"""Add a camera and its streams."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction

from cameras.models import Camera, CameraAccess, Stream
from cameras.sources import BadSource
from cameras.typed_addresses import check_typed_url
from vms.accounts.models import User

LONGEST_NAME = 255
LONGEST_EXTERNAL_ID = 64


class Command(BaseCommand):
    help = "Add a camera; prints its ids as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--uuid", metavar="U", help="the camera's uuid; made up when absent")
        parser.add_argument(
            "--external-id",
            default="",
            metavar="ID",
            help="what another system calls it: the CameraId of PSIM calls",
        )
        for kind in Stream.Type.values:
            parser.add_argument(
                f"--{kind}",
                metavar="URL",
                help=f"address of the {kind} stream (rtsp, http, file or demo:); "
                "empty: a stream that is not recorded, for imported archives",
            )
        parser.add_argument("--owner", metavar="LOGIN", help="a user who may see it")
        parser.add_argument("--public", action="store_true", help="anybody may see it")

    def handle(self, *_args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if not 0 < len(name) <= LONGEST_NAME:
            raise CommandError(f"NAME: write 1 to {LONGEST_NAME} characters.")
        external_id = free_external_id(options["external_id"])
        camera_uuid = parse_uuid(options["uuid"])
        urls = wanted_streams(options)
        owner = find_owner(options["owner"])
        try:
            with transaction.atomic():
                camera = Camera.objects.create(
                    name=name,
                    uuid=camera_uuid,
                    external_id=external_id,
                    is_public=options["public"],
                )
                streams = {
                    kind: Stream.objects.create(camera=camera, type=kind, url=url).pk
                    for kind, url in urls.items()
                }
                if owner:
                    CameraAccess.objects.create(user=owner, camera=camera)
        except IntegrityError as error:
            raise CommandError("--uuid: another camera has it; choose another one.") from error
        answer = {"camera_id": camera.pk, "uuid": str(camera.uuid), "streams": streams}
        self.stdout.write(json.dumps(answer))


def parse_uuid(text: str | None) -> UUID:
    if not text:
        return uuid4()
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(
            "--uuid: write one like 6a0f3c1e-3d0b-4c55-9d0e-0f5a2f0c7a11, or leave it out."
        ) from error


def free_external_id(text: str) -> str:
    external_id = text.strip()
    if len(external_id) > LONGEST_EXTERNAL_ID:
        raise CommandError(f"--external-id: write at most {LONGEST_EXTERNAL_ID} characters.")
    if external_id and Camera.objects.filter(external_id=external_id).exists():
        raise CommandError("--external-id: another camera has it; choose another one.")
    return external_id


def wanted_streams(options: dict[str, Any]) -> dict[str, str]:
    """Return the address of each stream to make; without any, a high one that is not recorded."""
    urls = {kind: options[kind].strip() for kind in Stream.Type.values if options[kind] is not None}
    for kind, url in urls.items():
        try:
            check_typed_url(url)
        except BadSource as error:
            raise CommandError(f"--{kind}: {error}") from error
    return urls or {Stream.Type.HIGH.value: ""}


def find_owner(login: str | None) -> User | None:
    if login is None:
        return None
    owner = User.objects.filter(login=login).first()
    if owner is None:
        raise CommandError(f"--owner: there is no user {login}; add one with add_user.")
    return owner
