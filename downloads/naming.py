"""What files are called: a name for people, and a safe one for headers and disks. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from urllib.parse import quote

LONGEST = 150
UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


def display_name(camera: str, begin: datetime, end: datetime, container: str) -> str:
    """Name an export: `<camera>.<YYYYMMDD-HHMMSS-HHMMSS>.mp4`, in UTC.

    An interval that ends on another day repeats the date before its end.
    """
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    last = f"{end:%H%M%S}" if begin.date() == end.date() else f"{end:%Y%m%d-%H%M%S}"
    return f"{camera}.{begin:%Y%m%d-%H%M%S}-{last}.{container}"


def safe_name(name: str) -> str:
    """Make a name that is one path component everywhere; letters of all scripts stay.

    A camera's long name is shortened, the interval and the suffix are kept.
    """
    clean = UNSAFE.sub("_", unicodedata.normalize("NFC", name))
    clean = "".join(letter for letter in clean if letter.isprintable()).strip(" .")
    if len(clean) > LONGEST:
        kept = ".".join(["", *clean.rsplit(".", 2)[1:]])[-LONGEST:]
        clean = clean[: LONGEST - len(kept)] + kept
    return clean or "export"


def content_disposition(name: str, *, inline: bool) -> str:
    """Write the header (RFC 6266): a plain ASCII name, and the real one in UTF-8 (RFC 8187)."""
    safe = safe_name(name)
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "replace").decode()
    plain = UNSAFE.sub("_", plain)  # taking letters apart can bring such signs back
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def link_path(secret: str, name: str) -> str:
    """Return the path of a file's link, quoted for use in a URL."""
    return f"/storage/{secret}/{quote(safe_name(name), safe='')}"
