"""Instants as PSIM writes them: UTC coming in, the server's zone going out."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from django.utils import timezone

EXAMPLE = "2022-06-27T15:10:00Z"
BAD_FORM = f"write it such as {EXAMPLE}, with at most 7 digits of a fraction"
IMPOSSIBLE = "there is no such date and time"

TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(Z|[+-]\d\d:[0-5]\d)?", re.ASCII
)


def read_time(text: str) -> datetime:
    """Read an instant; without a zone it is UTC, the seventh digit of a fraction is cut off.

    Raises:
        ValueError: with half a sentence for the person who sent it.
    """
    match = TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(BAD_FORM)
    instant, fraction, zone = match.groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    offset = "+00:00" if zone in {None, "Z"} else zone
    try:
        return datetime.fromisoformat(f"{instant}.{micros}{offset}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(IMPOSSIBLE) from error


def write_local(moment: datetime) -> str:
    """Write an instant as a status does: the server's zone, milliseconds, the offset then."""
    return timezone.localtime(moment).isoformat("T", "milliseconds")


def write_utc(moment: datetime) -> str:
    """Write an instant as requests do."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat("T", "milliseconds") + "Z"
