"""Instants on the wire: strict ISO 8601 with a zone in, the two documented forms out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

EXAMPLE = "2023-03-10T10:20:00Z"
NO_ZONE = f"The time has no zone; write it such as {EXAMPLE} or 2023-03-10T10:20:00+03:00."
BAD_FORM = f"Write an ISO 8601 time with seconds and a zone, such as {EXAMPLE}."
IMPOSSIBLE = "There is no such date and time."

TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?"
ZONED = re.compile(TIME + r"(?:(Z)|([+\- ])(\d\d):([0-5]\d))", re.ASCII)
ZONELESS = re.compile(TIME, re.ASCII)


def parse_zoned_time(text: str) -> datetime:
    """Read an instant that names its zone; digits beyond microseconds are cut off.

    The sign of an offset may be a space, which is what `+` becomes in a query string that was
    not quoted.

    Raises:
        ValueError: with a sentence for the person who sent it.
    """
    match = ZONED.fullmatch(text)
    if match is None:
        raise ValueError(NO_ZONE if ZONELESS.fullmatch(text) else BAD_FORM)
    instant, fraction, zulu, sign, hours, minutes = match.groups()
    offset = "+00:00" if zulu else f"{'-' if sign == '-' else '+'}{hours}:{minutes}"
    micros = (fraction or "")[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{instant}.{micros}{offset}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(IMPOSSIBLE) from error


def wire_interval_time(moment: datetime) -> str:
    """Write `from` and `to` of an interval: UTC, whole seconds, no zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def wire_timestamp(moment: datetime) -> str:
    """Write any other instant: UTC with six digits of fraction and a Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat("T", "microseconds") + "Z"


@extend_schema_field(OpenApiTypes.DATETIME)
class ZonedDateTimeField(serializers.Field[datetime, Any, str, Any]):
    """An instant that must name its zone; becomes an aware UTC datetime."""

    default_error_messages = {"not_text": BAD_FORM}  # noqa: RUF012 - the name DRF merges by class

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            self.fail("not_text")
        try:
            return parse_zoned_time(data.strip())
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def to_representation(self, value: datetime) -> str:
        return wire_timestamp(value)


@extend_schema_field(OpenApiTypes.DATETIME)
class TimestampField(serializers.ReadOnlyField):
    """A column shown as `wire_timestamp` writes it."""

    def to_representation(self, value: datetime) -> str:
        return wire_timestamp(value)


@extend_schema_field(OpenApiTypes.STR)
class IntervalTimeField(serializers.ReadOnlyField):
    """A column shown as `wire_interval_time` writes it."""

    def to_representation(self, value: datetime) -> str:
        return wire_interval_time(value)
