"""Compare what is indexed with what lies in the archive folders."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from cameras.archive.checking import FolderCheck, check_folder, drop_strays
from cameras.archive.scanner import scan_folder
from cameras.models import ArchiveFolder

MOST_NAMED = 20


class Command(BaseCommand):
    help = (
        "Compare rows and files of all archive folders, both ways; exit code 1 when they differ. "
        "No file of an archive is ever changed or deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--fix", action="store_true", help="bring the rows in line with the files"
        )
        parser.add_argument("--folder", type=int, help="number of the one archive folder to check")

    def handle(self, *_args: Any, **options: Any) -> None:
        folders = ArchiveFolder.objects.select_related("stream__camera").order_by("pk")
        if options["folder"] is not None:
            folders = folders.filter(pk=options["folder"])
            if not folders:
                raise CommandError("--folder: there is no such archive folder; without it all are.")
        wrong = sum(self.compare(folder, fix=options["fix"]) for folder in folders)
        if wrong:
            self.stdout.write(f"Archive folders that differ or cannot be looked at: {wrong}.")
            if not options["fix"]:
                self.stdout.write("`check_archive --fix` brings the rows in line with the files.")
            sys.exit(1)
        self.stdout.write("Rows and files agree.")

    def compare(self, folder: ArchiveFolder, *, fix: bool) -> bool:
        """Print how one folder differs; say whether it still does."""
        check = check_folder(folder, timezone.now())
        self.tell(folder, check)
        if not (fix and check.differences):
            return bool(check.differences or check.problem)
        scan_folder(folder, full=False, now=timezone.now())
        drop_strays(folder, check.sidecars)
        folder.refresh_from_db()
        left = check_folder(folder, timezone.now())
        self.stdout.write(f"  fixed: {check.differences - left.differences}")
        return bool(left.differences or left.problem)

    def tell(self, folder: ArchiveFolder, check: FolderCheck) -> None:
        about = f"folder {folder.pk}, camera {folder.stream.camera_id}, {folder.stream.type}"
        self.stdout.write(f"{about}: {check.rows} rows, {check.differences} differences")
        if check.problem:
            self.stdout.write(f"  {check.problem}")
        self.name("row without a file", check.gone)
        self.name("name read otherwise or file changed since it was indexed", check.changed)
        self.name("file not indexed", check.unindexed)
        self.name("index of a segment that has no row", check.sidecars)
        self.name("of no use", [f"{file.path}: {file.reason}" for file in check.unusable])
        if check.pending:
            self.stdout.write(f"  {check.pending} files may still be written; left alone")

    def name(self, what: str, paths: list[str]) -> None:
        for path in paths[:MOST_NAMED]:
            self.stdout.write(f"  {what}: {path}")
        if len(paths) > MOST_NAMED:
            self.stdout.write(f"  {what}: {len(paths) - MOST_NAMED} more")
