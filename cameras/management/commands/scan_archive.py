"""Bring the index of every archive folder in line with its files."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from cameras.archive.summary import summarise
from cameras.models import ArchiveFolder


class Command(BaseCommand):
    help = "Scan all archive folders, our own recordings too; prints a summary as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--full", action="store_true", help="read files again that look unchanged"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        summaries = []
        for folder in ArchiveFolder.objects.select_related("stream__camera").order_by("pk"):
            report = scan_folder(folder, full=options["full"], now=timezone.now())
            summaries.append(summarise(folder, report))
        totals = {
            key: sum(summary[key] for summary in summaries)
            for key in ("indexed", "changed", "unchanged", "removed", "pending", "skipped_count")
        }
        self.stdout.write(json.dumps({**totals, "folders": summaries}, indent=2))
