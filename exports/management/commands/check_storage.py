"""Compare ready exports with the finished files there are."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from exports.checking import Difference, check_storage, fix
from exports.stores.base import StorageAway, Store
from exports.stores.choice import current_store


class Command(BaseCommand):
    help = (
        "Compare ready exports and finished files, in the folder or the bucket, both ways; exit "
        "code 1 when they differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--fix",
            action="store_true",
            help="expire exports whose file is missing or damaged, remove files no export knows",
        )
        parser.add_argument(
            "--hash", action="store_true", help="read every file and compare its SHA-256"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        store = current_store()
        found = fixed = 0
        try:
            for difference in check_storage(store, timezone.now(), is_thorough=options["hash"]):
                found += 1
                self.tell(difference)
                fixed += options["fix"] and self.fix(difference, store)
        except StorageAway as error:
            raise CommandError(
                f"The storage cannot be asked: {error}. Fixed before that: {fixed}."
            ) from None
        if found > fixed:
            self.stdout.write(f"{found - fixed} differences.")
            if not options["fix"]:
                self.stdout.write("`check_storage --fix` makes rows and files agree.")
            sys.exit(1)
        self.stdout.write(f"Rows and files agree; {fixed} differences fixed.")

    def tell(self, difference: Difference) -> None:
        whose = f"job {difference.job}: " if difference.job else ""
        self.stdout.write(f"{whose}{difference.trouble.value}: {difference.name}")

    def fix(self, difference: Difference, store: Store) -> bool:
        try:
            return fix(difference, store, timezone.now())
        except StorageAway:
            raise
        except OSError as error:
            self.stdout.write(f"  could not be removed: {error.strerror}")
            return False
