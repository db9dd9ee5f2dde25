"""Links that carry their own permission: a grant, written down and signed.

A token is `<grant>.<signature>`, both base64url without padding. The grant is JSON, an array in the
order of `Grant`'s fields; the signature is HMAC-SHA256, cut to 24 bytes, over the grant as written
(not as decoded: base64 can write the same bytes in more than one way). The first of
`settings.LINK_KEYS` signs, each of them verifies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings

FORM = 1
PURPOSE = b"vms links"
# A multiple of three: then base64 has but one way to write it.
SIGNATURE_BYTES = 24
# Longer ones are none of ours, and not worth hashing.
LONGEST = 2000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RESOLUTION = timedelta(microseconds=1)


class BadLink(Exception):
    """A link that opens nothing; the message says so to whoever followed it (403)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Changed(BadLink):
    """It is not as it was given out, or was signed with a key that counts no more."""

    def __init__(self) -> None:
        super().__init__("This link was changed or is not complete; ask for a new one.")


class Expired(BadLink):
    def __init__(self) -> None:
        super().__init__("This link has expired; ask for a new one.")


class Kind(StrEnum):
    """What a link leads to: a moment, or an interval of the archive."""

    PREVIEW = "preview"
    ARCHIVE = "archive"


class IssuedTo(StrEnum):
    """On whose behalf a link was given out; it works no longer than they may watch the camera."""

    SESSION = "session"
    INTEGRATION = "token"
    PUBLIC = "public"


@dataclass(frozen=True)
class Grant:
    """What a link lets anybody who holds it see, until when, and on whose behalf.

    `begin` is the instant of a preview, None for a live one; `end` is there for an interval only.
    `source` is `jpg`, `mp4` or `hls`. `issuer` is the id of the session or integration token,
    empty for the public.
    """

    kind: Kind
    source: str
    camera: UUID
    stream: UUID
    begin: datetime | None
    end: datetime | None
    issued_to: IssuedTo
    issuer: str
    expires_at: datetime
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        return dict(self.options).get(name)


def sign(grant: Grant) -> str:
    """Write *grant* down and sign it; the token is safe in a path and in a query."""
    written = encode(
        json.dumps(
            [
                FORM,
                grant.kind,
                grant.source,
                grant.camera.hex,
                grant.stream.hex,
                micros(grant.begin),
                micros(grant.end),
                grant.issued_to,
                grant.issuer,
                micros(grant.expires_at),
                grant.options,
            ],
            separators=(",", ":"),
        ).encode()
    )
    return f"{written}.{signature(written, settings.LINK_KEYS[0])}"


def read(token: str, now: datetime) -> Grant:
    """Return the grant of *token*, signed with any of our keys and still good at *now*.

    Raises:
        Changed: a single letter of it is another one.
        Expired: its time is over.
    """
    written, _, signed = token.rpartition(".")
    if not is_signed(written, signed, settings.LINK_KEYS):
        raise Changed
    form, *fields = json.loads(decode(written))
    if form != FORM:
        raise Changed
    grant = grant_of(fields)
    if now >= grant.expires_at:
        raise Expired
    return grant


def is_signed(written: str, signed: str, keys: Iterable[str]) -> bool:
    if len(written) > LONGEST or not written.isascii() or not signed.isascii():
        return False
    return any(hmac.compare_digest(signature(written, key), signed) for key in keys)


def signature(written: str, key: str) -> str:
    digest = hmac.digest(derived(key), written.encode(), "sha256")
    return encode(digest[:SIGNATURE_BYTES])


@lru_cache(maxsize=64)
def derived(key: str) -> bytes:
    """Make a key for links alone: the text may be the one that signs sessions too."""
    return hmac.digest(key.encode(), PURPOSE, hashlib.sha256)


def grant_of(fields: list[Any]) -> Grant:
    kind, source, camera, stream, begin, end, issued_to, issuer, expires_at, options = fields
    return Grant(
        kind=Kind(kind),
        source=source,
        camera=UUID(camera),
        stream=UUID(stream),
        begin=instant(begin),
        end=instant(end),
        issued_to=IssuedTo(issued_to),
        issuer=issuer,
        expires_at=EPOCH + timedelta(microseconds=expires_at),
        options=tuple((name, value) for name, value in options),
    )


def micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - EPOCH) // RESOLUTION


def instant(count: int | None) -> datetime | None:
    return None if count is None else EPOCH + timedelta(microseconds=count)


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
