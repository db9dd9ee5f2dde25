"""Record every enabled stream until told to stop (Ctrl-C or SIGTERM)."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from cameras.archive.recorder import Recorder
from cameras.archive.watching import look_at_own_again
from vms.media.ffmpeg import NoFfmpeg, find_ffmpeg

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Records every enabled stream into the archive until told to stop."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            program = find_ffmpeg(settings.VMS["VMS_FFMPEG"])
        except NoFfmpeg as error:
            raise CommandError(str(error)) from error
        try:
            look_at_own_again()
        except DatabaseError:
            log.exception("own archive folders are not looked at")
        asyncio.run(record(program))


async def record(program: Any) -> None:
    await Recorder(program).run()
