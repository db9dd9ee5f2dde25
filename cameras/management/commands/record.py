"""Record every enabled stream until told to stop (Ctrl-C or SIGTERM)."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cameras.archive.recorder import Recorder
from vms.media.ffmpeg import NoFfmpeg, find_ffmpeg


class Command(BaseCommand):
    help = "Records every enabled stream into the archive until told to stop."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            program = find_ffmpeg(settings.VMS["VMS_FFMPEG"])
        except NoFfmpeg as error:
            raise CommandError(str(error)) from error
        asyncio.run(record(program))


async def record(program: Any) -> None:
    await Recorder(program).run()
