"""Instants in and out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from vms.api.dates import (
    BAD_FORM,
    IMPOSSIBLE,
    NO_ZONE,
    parse_zoned_time,
    wire_interval_time,
    wire_timestamp,
)

MOMENT = datetime(2023, 3, 10, 10, 20, tzinfo=UTC)
MOSCOW = timezone(timedelta(hours=3))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-03-10T10:20:00Z", MOMENT),
        ("2023-03-10T10:20:00+00:00", MOMENT),
        ("2023-03-10T13:20:00+03:00", MOMENT),
        ("2023-03-10T13:20:00 03:00", MOMENT),
        ("2023-03-10T06:50:00-03:30", MOMENT),
        ("2023-03-10T10:20:00.5Z", MOMENT + timedelta(milliseconds=500)),
        ("2023-03-10T10:20:00.1234567Z", MOMENT + timedelta(microseconds=123456)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_reads_an_instant_as_utc(text, moment):
    assert parse_zoned_time(text) == moment
    assert parse_zoned_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2023-03-10T10:20:00", NO_ZONE),
        ("2023-03-10T10:20:00.5", NO_ZONE),
        ("2023-03-10", BAD_FORM),
        ("2023-03-10T10:20Z", BAD_FORM),
        ("2023-03-10 10:20:00Z", BAD_FORM),
        ("2023-03-10T10:20:00+03", BAD_FORM),
        ("2023-03-10T10:20:00+03:60", BAD_FORM),
        ("1678443600", BAD_FORM),
        ("", BAD_FORM),
        ("2023-03-10T10:20:00Z\n", BAD_FORM),
        ("٢٠٢٣-03-10T10:20:00Z", BAD_FORM),
        ("2023-02-30T10:20:00Z", IMPOSSIBLE),
        ("2023-02-29T10:20:00Z", IMPOSSIBLE),
        ("2023-03-10T24:00:00Z", IMPOSSIBLE),
        ("2023-03-10T10:20:60Z", IMPOSSIBLE),
        ("2023-03-10T10:20:00+24:00", IMPOSSIBLE),
        ("0000-01-01T00:00:00Z", IMPOSSIBLE),
        ("0001-01-01T00:00:00+14:00", IMPOSSIBLE),
        ("9999-12-31T23:59:59-14:00", IMPOSSIBLE),
    ],
)
def test_refuses_what_is_no_instant(text, says):
    with pytest.raises(ValueError, match=r".") as refusal:
        parse_zoned_time(text)
    assert str(refusal.value) == says


def test_reads_an_instant_in_a_body(stranger):
    cameras = [{"uuid": "5" * 32, "moment": "2023-03-10T13:20:00+03:00"}]
    answer = stranger.post("/api/v1/echo", {"name": "x", "cameras": cameras}, format="json")
    assert answer.json() == {"moments": ["2023-03-10T10:20:00+00:00"]}


@pytest.mark.parametrize("sent", [5, True, ["2023-03-10T13:20:00Z"], {}, "2023-03-10", ""])
def test_refuses_a_wrong_instant_in_a_body(stranger, sent):
    cameras = [{"uuid": "5" * 32, "moment": sent}]
    answer = stranger.post("/api/v1/echo", {"name": "x", "cameras": cameras}, format="json")
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"cameras.0.moment": [BAD_FORM]}


def test_writes_interval_times_in_utc_without_fraction():
    assert wire_interval_time(MOMENT.astimezone(MOSCOW)) == "2023-03-10 10:20:00"
    assert wire_interval_time(MOMENT + timedelta(microseconds=999_999)) == "2023-03-10 10:20:00"


def test_writes_timestamps_in_utc_with_six_digits():
    assert wire_timestamp(MOMENT.astimezone(MOSCOW)) == "2023-03-10T10:20:00.000000Z"
    assert wire_timestamp(MOMENT + timedelta(microseconds=12)) == "2023-03-10T10:20:00.000012Z"
