"""Run the server: broker, web, workers, beat and recorder in one terminal."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vms.ops import up
from vms.ops.broker import NoBroker
from vms.ops.checks import refusals
from vms.ops.programs import GROUPS, UnknownProgram, chosen_names
from vms.ops.runfolder import AlreadyRunning
from vms.ops.supervisor import StartFailed
from vms.ops.web import PortTaken


class Command(BaseCommand):
    help = "Run the whole server in this terminal until Ctrl-C."
    requires_system_checks = ("vms",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--only",
            metavar="NAMES",
            help=f"run only these, separated by commas: {', '.join(GROUPS)}",
        )

    def check(self, *args: Any, **options: Any) -> None:
        """Refuse in one line, as everything else here does; warnings are printed as ever."""
        if errors := refusals():
            told = " ".join(f"{error.msg} {error.hint or ''}".strip() for error in errors)
            raise CommandError(told)
        super().check(*args, **options)

    def handle(self, *_args: Any, only: str | None, **_options: Any) -> None:
        try:
            up.run(chosen_names(only))
        except (UnknownProgram, AlreadyRunning, PortTaken, NoBroker, StartFailed) as error:
            raise CommandError(str(error)) from error
