"""Show the whole product: two synthetic cameras, an order, a push, a file that is checked."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from cameras.models import Camera
from vms.ops.demo.errors import DemoFailed
from vms.ops.demo.folder import demo_environment, free_port
from vms.ops.demo.report import Report
from vms.ops.demo.server import Server
from vms.ops.demo.stage import (
    CAMERAS,
    has_live_footage,
    make_camera,
    make_login,
    make_past,
)
from vms.ops.demo.story import play
from vms.ops.programs import manage

# What arrived of the last run is looked at and then not needed again.
RECEIVED = "received"
# A segment of the default length, the recorder's look for new cameras, and patience.
LIVE_SECONDS = 45.0
LOOK_SECONDS = 0.3
INTERRUPTED = 130


class Command(BaseCommand):
    help = "Run the server with demo cameras in a data folder of its own, and check an export."
    requires_system_checks = ("vms",)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="stop after the check instead of staying up"
        )
        parser.add_argument("--in-demo-folder", action="store_true", help=argparse.SUPPRESS)

    def handle(self, *_args: Any, once: bool, in_demo_folder: bool, **_options: Any) -> None:
        if not in_demo_folder:
            start_again_in_demo_folder(once=once)
        # A request to stop ends us as Ctrl-C does: in good order.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            demonstrate(Report(), once=once)
        except DemoFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
            if once:
                sys.exit(INTERRUPTED)


def start_again_in_demo_folder(*, once: bool) -> None:
    """Become a process with the demo's settings: which folder is used is decided at its start."""
    command = manage("demo", "--in-demo-folder", *(["--once"] if once else []))
    os.execve(command[0], command, demo_environment(os.environ, settings.DATA_DIR))  # noqa: S606 - no shell is wanted


def demonstrate(report: Report, *, once: bool) -> None:
    """Start everything, set the scene, play the client, and stay up unless only *once*."""
    log_file = settings.DATA_DIR / "up.log"
    port = free_port(settings.VMS["VMS_HOST"], settings.VMS["VMS_PORT"], settings.ALLOWED_HOSTS)
    with Server(settings.RUN_DIR, log_file, port) as server:
        with report.step("starting broker, web, workers, beat and recorder"):
            url = server.wait_until_ready()
        with report.step("making people and cameras; live recording begins"):
            logins = [
                make_login("demo", "Demo user", is_operator=False),
                make_login("operator", "Demo operator", is_operator=True),
            ]
            cameras = [make_camera(camera, "demo") for camera in CAMERAS]
        now = timezone.now().replace(microsecond=0)
        with report.step("filming three minutes of past archive, faster than real time"):
            make_past(cameras, now)
        received = settings.DATA_DIR / RECEIVED
        shutil.rmtree(received, ignore_errors=True)
        play(url, logins[0], cameras, now, received, report)
        with report.step("seeing the live recording arrive in the archive"):
            wait_for_live_footage(server, cameras, now)
        if not once:
            report.addresses(url, logins, cameras)
            report.say("The server stays up. Ctrl-C stops everything.")
            server.wait()
    report.say("All is as it should be; everything is stopped.")


def wait_for_live_footage(server: Server, cameras: list[Camera], since: datetime) -> None:
    """Wait until the first live segment of every stream is there.

    Raises:
        DemoFailed: it takes too long; the server's log says why.
    """
    deadline = time.monotonic() + LIVE_SECONDS
    while not has_live_footage(cameras, since):
        server.wait(LOOK_SECONDS)
        if time.monotonic() > deadline:
            raise DemoFailed(
                f"No live recording arrived within {LIVE_SECONDS:.0f} s.\n{server.last_words()}"
            )
