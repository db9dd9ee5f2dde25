"""Index recordings that exist already, where they lie."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone

from cameras.archive.folders import layout_of
from cameras.archive.layout import PRESETS, BadLayout
from cameras.archive.scanner import ScanReport, scan_folder
from cameras.archive.summary import summarise
from cameras.models import ArchiveFolder, Camera, Stream

LONGEST_PATH = 1000
LONGEST_LAYOUT = 255
MOST_STRANGERS = 20


class Command(BaseCommand):
    help = (
        "Index the recordings in a folder in place, copying nothing; prints a summary as JSON. "
        "Names that do not say a zone are read in VMS_TIME_ZONE."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("camera_id", metavar="CAMERA_ID", help="id or uuid of the camera")
        parser.add_argument("folder", metavar="DIR")
        parser.add_argument(
            "--stream",
            choices=Stream.Type.values,
            help="the stream whose archive it is (default: high)",
        )
        parser.add_argument(
            "--layout",
            default="vms",
            help="vms, mediamtx, frigate or a pattern such as %%Y-%%m-%%d/%%H-%%M-%%S.mp4; "
            'with camera=NAME after it, as in --layout "mediamtx camera=NAME", '
            "one of several cameras below the folder is chosen (default: vms)",
        )
        parser.add_argument(
            "--watch", action="store_true", help="go on indexing what is added to the folder"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        camera = find_camera(options["camera_id"])
        path = find_folder(options["folder"])
        folder = ArchiveFolder(path=str(path), layout=options["layout"])
        check_layout(folder)
        folder.stream = choose_stream(camera, options["stream"])
        refuse_overlap(folder.stream, path)
        folder, is_new = keep_folder(folder)
        is_other_layout = relabel(folder, options["layout"])
        report = scan_settled(folder, full=is_other_layout)
        refusal = explain_useless(report)
        if is_new or is_other_layout or not report.removed:
            refusal = refusal or explain_misfit(options["layout"], report)
        if refusal:
            if is_new:
                folder.delete()
            raise CommandError(refusal)
        if options["watch"]:
            ArchiveFolder.objects.filter(pk=folder.pk).update(is_watched=True)
        folder.refresh_from_db()
        self.stdout.write(json.dumps(summarise(folder, report), indent=2))


def find_camera(text: str) -> Camera:
    by_id = Q(pk=int(text)) if text.isascii() and text.isdigit() and len(text) < 19 else None  # noqa: PLR2004 - digits of a 64-bit id
    if by_id is None:
        try:
            by_id = Q(uuid=UUID(text))
        except ValueError as error:
            raise CommandError(
                "CAMERA_ID: write the id or uuid that add_camera printed."
            ) from error
    camera = Camera.objects.filter(by_id).first()
    if camera is None:
        raise CommandError("CAMERA_ID: there is no such camera; add one with add_camera.")
    return camera


def find_folder(text: str) -> Path:
    try:
        path = Path(text).expanduser().resolve()
        is_folder = path.is_dir()
    except (OSError, RuntimeError, ValueError):
        is_folder = False
    if not text or not is_folder:
        raise CommandError("DIR: there is no such folder that this user may enter.")
    if len(str(path)) > LONGEST_PATH:
        raise CommandError("DIR: its path is too long.")
    return path


def check_layout(folder: ArchiveFolder) -> None:
    if len(folder.layout) > LONGEST_LAYOUT:
        raise CommandError(f"--layout: write at most {LONGEST_LAYOUT} characters.")
    try:
        layout_of(folder)
    except BadLayout as error:
        raise CommandError(f"--layout: {error}") from error


def choose_stream(camera: Camera, kind: str | None) -> Stream:
    """Return the stream of that kind, made when it is missing; without *kind* the best there is."""
    if kind is None:
        best = camera.streams.order_by("type").first()  # "high" sorts before "low"
        if best is not None:
            return best
    stream, _ = Stream.objects.get_or_create(camera=camera, type=kind or Stream.Type.HIGH)
    return stream


def refuse_overlap(stream: Stream, path: Path) -> None:
    """Refuse a folder in or around another one of the stream: its files would count twice."""
    for other in stream.folders.exclude(path=str(path)):
        if path.is_relative_to(other.path) or Path(other.path).is_relative_to(path):
            raise CommandError(
                "DIR: it lies in or around another archive folder of this stream, so its files "
                "would count twice; delete that archive folder in the admin pages first."
            )


def keep_folder(wanted: ArchiveFolder) -> tuple[ArchiveFolder, bool]:
    """Return the row of that folder, and whether it is new."""
    return ArchiveFolder.objects.get_or_create(
        stream=wanted.stream, path=wanted.path, defaults={"layout": wanted.layout}
    )


def relabel(folder: ArchiveFolder, layout: str) -> bool:
    """Give *folder* the asked layout, which the scan keeps if it works; say whether it is another.

    Asked without a camera, the layout stays narrowed to the camera chosen before.
    """
    if layout in {folder.layout, folder.layout.partition(" camera=")[0]}:
        return False
    if folder.is_own:
        raise CommandError("DIR: our own recorder writes there; it is indexed already.")
    folder.layout = layout
    return True


def scan_settled(folder: ArchiveFolder, *, full: bool) -> ScanReport:
    """Scan, and once more when files were too young to tell whether they are closed."""
    report = scan_folder(folder, full=full, now=timezone.now())
    if not report.pending:
        return report
    time.sleep(settings.VMS["VMS_SEGMENT_SETTLE_SECONDS"])
    again = scan_folder(folder, full=False, now=timezone.now())
    again.indexed += report.indexed
    again.changed += report.changed
    again.removed += report.removed
    again.unchanged -= report.indexed + report.changed
    again.damaged[:0] = report.damaged
    return again


def explain_useless(report: ScanReport) -> str:
    """Say why nothing was scanned, or that no file found can be used; nothing if one can."""
    if report.problem:
        return f"DIR: {report.problem}"
    is_of_use = report.indexed or report.changed or report.unchanged or report.pending
    if is_of_use or report.misfit or not report.skipped:
        return ""
    one = report.skipped[-1]
    return (
        f"DIR: None of the files found can be used ({len(report.skipped)}). "
        f"Of {json.dumps(one.path)}: {one.reason}. Name a folder of recordings that can be played."
    )


def explain_misfit(layout: str, report: ScanReport) -> str:
    """Say that no name fits *layout* or its camera, and what to choose; nothing where one does."""
    if not report.misfit:
        return ""
    if report.strangers:
        some = ", ".join(sorted(report.strangers)[:MOST_STRANGERS])
        return (
            f"--layout: No file is of the camera that {layout} names; write after camera= one of: "
            f"{some}."
        )
    choices = ", ".join(f"{name} ({pattern})" for name, pattern in PRESETS.items())
    return (
        f"--layout: No file's name fits the layout {layout}; one found is "
        f"{json.dumps(report.misfit)}. Choose {choices} or a pattern such as %Y-%m-%d/%H-%M-%S.mp4."
    )
