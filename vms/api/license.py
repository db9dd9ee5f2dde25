"""The license of this server: a file signed with Ed25519, when the operator has installed one.

The file is JSON: `holder`, `valid_until` (an instant with a zone), `max_cameras` and `signature`,
the base64 of a signature over all other keys as `signed_bytes` writes them. Without
`VMS_LICENSE_FILE` the server is open: nothing is refused for want of a license.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from vms.api.dates import parse_zoned_time, wire_timestamp

if TYPE_CHECKING:  # six megabytes that a server without a license is spared
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

# What is signed begins with this: a signature made for anything else is none of a license.
PURPOSE = b"vms license 1\n"
MOST_BYTES = 65_536
UNREADABLE = "The license cannot be read."
NO_KEY = "The license cannot be verified: VMS_LICENSE_PUBLIC_KEY is not set."
FORGED = "The signature of the license is not valid."
MALFORMED = "The license does not say holder, valid_until and max_cameras as it has to."


class BadLicense(Exception):
    """A license is installed and cannot be believed; the message is fit for clients."""


@dataclass(frozen=True)
class License:
    """Who may run the server, until when (that instant included), and with how many cameras."""

    holder: str
    valid_until: datetime
    max_cameras: int

    def expiry(self, now: datetime) -> str | None:
        """Say that the license has ended, None while it has not."""
        if now <= self.valid_until:
            return None
        return f"The license ended on {self.valid_until:%Y-%m-%d}."

    def excess(self, cameras: int) -> str | None:
        """Say that there are more *cameras* than the license allows, None when there are not."""
        if cameras <= self.max_cameras:
            return None
        return f"There are {cameras} cameras; the license allows {self.max_cameras}."


def refusal(now: datetime, count_cameras: Callable[[], int]) -> str | None:
    """Say why the license does not allow the Admin API; None when it does, or none is installed.

    *count_cameras* is asked only when it matters.
    """
    try:
        license_ = installed()
    except BadLicense as error:
        return str(error)
    if license_ is None:
        return None
    return license_.expiry(now) or license_.excess(count_cameras())


def installed() -> License | None:
    """Read the license the settings name, anew each time: a renewed file counts at once.

    Raises:
        BadLicense: unreadable, or not signed with the operator's key.
    """
    path = settings.VMS["VMS_LICENSE_FILE"]
    return None if path is None else read(path, settings.VMS["VMS_LICENSE_PUBLIC_KEY"])


def read(path: Path, public_key: bytes | None) -> License:
    """Read a license file and verify it with *public_key* (32 bytes).

    Raises:
        BadLicense: with the reason, which never holds the path.
    """
    if public_key is None:
        raise BadLicense(NO_KEY)
    try:
        with path.open("rb") as file:
            fields = json.loads(file.read(MOST_BYTES))
        message = signed_bytes(fields)
        signature = base64.b64decode(fields["signature"], validate=True)
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise BadLicense(UNREADABLE) from error
    refuse_forged(public_key, signature, message)
    return license_of(fields)


def refuse_forged(public_key: bytes, signature: bytes, message: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature as error:
        raise BadLicense(FORGED) from error


def license_of(fields: Mapping[str, Any]) -> License:
    """Make a license of what was signed; keys we do not know are left to later versions."""
    holder, most = fields.get("holder"), fields.get("max_cameras")
    try:
        valid_until = parse_zoned_time(fields["valid_until"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadLicense(MALFORMED) from error
    if not isinstance(holder, str) or type(most) is not int or most < 0:
        raise BadLicense(MALFORMED)
    return License(holder, valid_until, most)


def issue(license_: License, private_key: Ed25519PrivateKey) -> str:
    """Write the file of *license_*."""
    fields = {
        "holder": license_.holder,
        "valid_until": wire_timestamp(license_.valid_until),
        "max_cameras": license_.max_cameras,
    }
    signature = base64.b64encode(private_key.sign(signed_bytes(fields))).decode()
    return json.dumps({**fields, "signature": signature}, ensure_ascii=False, indent=2) + "\n"


def signed_bytes(fields: Mapping[str, Any]) -> bytes:
    """Write all keys but the signature in the one way that is signed: sorted, no spaces, UTF-8."""
    signed = {key: value for key, value in fields.items() if key != "signature"}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return PURPOSE + text.encode()


def shown_key(public_key: Ed25519PublicKey) -> str:
    """Write a public key as VMS_LICENSE_PUBLIC_KEY takes it."""
    return base64.b64encode(public_key.public_bytes_raw()).decode()
