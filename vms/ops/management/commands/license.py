"""The license of this server: look at it, and issue one for those who have a private key."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cameras.models import Camera
from vms.api.dates import parse_zoned_time, wire_timestamp
from vms.api.license import BadLicense, License, installed, issue, refusal, shown_key
from vms.ops.checks import LICENSE_CURE


class Command(BaseCommand):
    help = "Show the license in force, issue one, or make the pair of keys that needs."
    # It explains what checks would only warn of.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        calls = parser.add_subparsers(dest="call", required=True)
        calls.add_parser("show", help="print the license; exit code 1 when it does not hold")
        new_key = calls.add_parser(
            "new-key", help="write a new private key; prints VMS_LICENSE_PUBLIC_KEY"
        )
        new_key.add_argument("file", type=Path)
        new = calls.add_parser("issue", help="print a license file")
        new.add_argument("--key", type=Path, required=True, help="file of the private key (PEM)")
        new.add_argument("--holder", required=True, help="who may run the server")
        new.add_argument(
            "--valid-until", required=True, metavar="TIME", help="such as 2027-12-31T23:59:59Z"
        )
        new.add_argument("--max-cameras", type=int, required=True, metavar="N")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["call"] == "show":
            self.show(timezone.now())
        elif options["call"] == "new-key":
            self.stdout.write(shown_key(write_new_key(options["file"]).public_key()))
        else:
            self.stdout.write(
                issue(wanted_license(options), private_key(options["key"])), ending=""
            )

    def show(self, now: datetime) -> None:
        try:
            license_ = installed()
        except BadLicense as error:
            raise CommandError(f"{error} {LICENSE_CURE}") from error
        if license_ is None:
            self.stdout.write("No license is installed: the server is open.")
            return
        self.stdout.write(f"holder       {license_.holder}")
        self.stdout.write(f"valid until  {wire_timestamp(license_.valid_until)}")
        self.stdout.write(f"cameras      {Camera.objects.count()} of {license_.max_cameras}")
        reason = refusal(now, Camera.objects.count)
        self.stdout.write(f"{reason} {LICENSE_CURE}" if reason else "The license holds.")
        if reason:
            sys.exit(1)


def write_new_key(file: Path) -> Ed25519PrivateKey:
    """Make a private key and keep it in *file*, for its owner only; an older one is never lost."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with open(file, "xb", opener=owner_only) as out:
            out.write(text)
    except FileExistsError as error:
        raise CommandError("There is such a file already; name a new one.") from error
    except OSError as error:
        raise CommandError(f"The key cannot be written: {error.strerror}.") from error
    return key


def owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def private_key(file: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise CommandError(f"--key: the file cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise CommandError("--key: name a file that `license new-key` wrote.")
    return key


def wanted_license(options: dict[str, Any]) -> License:
    holder, most = options["holder"].strip(), options["max_cameras"]
    if not holder:
        raise CommandError("--holder: write a name.")
    if most < 0:
        raise CommandError("--max-cameras: write a whole number, 0 at least.")
    try:
        valid_until = parse_zoned_time(options["valid_until"])
    except ValueError as error:
        raise CommandError(f"--valid-until: {error}") from error
    return License(holder, valid_until, most)
