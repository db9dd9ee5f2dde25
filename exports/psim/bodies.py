"""What PSIM clients send: the body of an order, parameters of query strings. No database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import QueryDict

from exports.psim.errors import bad
from exports.psim.times import read_time

FORMATS = ("mp4", "avi", "flv", "mov", "asf")
KEYS = ("CameraId", "From", "To", "Format")
CameraId = str | int | float


@dataclass(frozen=True)
class Asked:
    """An order as far as it can be read by itself; *end* None is the last recorded instant."""

    camera_id: CameraId
    begin: datetime
    end: datetime | None
    container: str


def sent_values(body: Any) -> dict[str, Any]:
    """Pick the documented keys of a body, whatever their case; {} for what is no object."""
    if not isinstance(body, Mapping):
        return {}
    folded = {str(key).casefold(): value for key, value in body.items()}
    return {key: body.get(key, folded.get(key.casefold())) for key in KEYS}


def read_order(body: Any) -> Asked:
    """Read the body of `createarchivetask`.

    Raises:
        Refused: with the first thing that is wrong.
    """
    if not isinstance(body, Mapping):
        raise bad("Send a JSON object with CameraId and From.")
    sent = sent_values(body)
    begin, end = read_instant(sent, "From"), read_instant(sent, "To")
    camera_id = read_camera_id(sent["CameraId"])
    if begin is None:
        raise bad("From is missing.")
    if end is not None and end <= begin:
        raise bad("To must be after From.")
    return Asked(camera_id, begin, end, read_format(sent["Format"]))


def read_camera_id(value: Any) -> CameraId:
    """Read a camera's id, left as it was sent.

    Raises:
        Refused: it is missing, or neither text nor number.
    """
    if value in (None, ""):
        raise bad("CameraId is missing.")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise bad("CameraId must be text or a number.")
    return value


def read_instant(sent: Mapping[str, Any], key: str) -> datetime | None:
    value = sent[key]
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise bad(f"{key} must be text.")
    try:
        return read_time(value)
    except ValueError as error:
        raise bad(f"{key} cannot be read: {error}.") from error


def read_format(value: Any) -> str:
    if value in (None, ""):
        return str(settings.VMS["VMS_EXPORT_CONTAINER_FORMAT"])
    if isinstance(value, str) and value.strip().lower() in FORMATS:
        return value.strip().lower()
    raise bad(f"Format must be one of {', '.join(FORMATS)}.")


def parameter(query: QueryDict, name: str) -> str | None:
    """Find a parameter of a query string, whatever its case; None when absent or empty."""
    for key in query:
        if key.casefold() == name:
            return query.get(key) or None
    return None


def required(query: QueryDict, name: str) -> str:
    """Find a parameter.

    Raises:
        Refused: it is absent.
    """
    value = parameter(query, name)
    if value is None:
        raise bad(f"The parameter {name} is missing.")
    return value
