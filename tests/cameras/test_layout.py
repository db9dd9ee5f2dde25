"""Names of archive files and the instants they tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.archive.layout import BadLayout, Precision, parse_layout, vms_path

BERLIN = ZoneInfo("Europe/Berlin")
INSTANT = datetime(2026, 7, 4, 21, 5, 9, 250_000, tzinfo=UTC)


def begin_told(layout: str, path: str, zone=UTC) -> datetime | None:
    name = parse_layout(layout, zone).read(path)
    return name.begin if name else None


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_reads_back_the_names_our_recorder_gives(begin):
    assert begin_told("vms", vms_path(begin), BERLIN) == begin


def test_reads_our_names_as_utc_with_any_extension():
    path = "2026-07-04/21/20260704T210509.250000Z.mp4"
    assert vms_path(INSTANT) == path
    assert begin_told("vms", path, BERLIN) == INSTANT
    assert begin_told("vms", path.replace(".mp4", ".ts"), BERLIN) == INSTANT


def test_reads_mediamtx_names_in_the_servers_zone():
    layout = parse_layout("mediamtx", BERLIN)
    name = layout.read("yard/front/2026-07-04_23-05-09-250000.mp4")
    assert name is not None
    assert (name.begin, name.camera, name.later) == (INSTANT, "yard/front", None)
    assert layout.precision is Precision.MICROSECOND
    assert layout.read("2026-07-04_23-05-09-250000.mp4").camera == "."


def test_reads_frigate_names_as_utc():
    layout = parse_layout("frigate", BERLIN)
    name = layout.read("2026-07-04/21/front/05.09.mp4")
    assert (name.begin, name.camera) == (INSTANT.replace(microsecond=0), "front")
    assert layout.precision is Precision.SECOND


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("%s.%f.mkv", f"{int(INSTANT.timestamp())}.25.mkv"),
        ("%Y%j-%I%M%S%p-%f.mp4", "2026185-110509PM-25.mp4"),
        ("%F/%T.%f", "2026-07-04/23:05:09.250.avi"),
        ("%y%m%d_%H%M%S_%f%z.ts", "260704_230509_250000+0200.ts"),
        ("%y%m%d_%H%M%S_%f%z.ts", "260704_180509_250000-03:00.ts"),
        ("%Y%m%dT%H%M%S.%fZ_x.mp4", "20260704T210509.25Z_x.mp4"),
        ("100%%/<camera>/%F_%T.%f.mp4", "100%/front/2026-07-04_23:05:09.25.mp4"),
    ],
)
def test_reads_any_pattern_that_tells_an_instant(layout, path):
    assert begin_told(layout, path, BERLIN) == INSTANT


@pytest.mark.parametrize(
    "path",
    [
        "2026-07-04/21/notes.txt",
        "2026-07-04/22/20260704T210509.250000Z.mp4",  # the folder says another hour
        "2026-13-04/21/20261304T210509.250000Z.mp4",
        "2026-07-04/21/20260704T210560.250000Z.mp4",
        "2026-07-04/21/20260704T210509.250000Z.mp4.part",
        "x/2026-07-04/21/20260704T210509.250000Z.mp4",
        "2026-07-04/21/20260704T210509.250000Z.mp4\n",
        "2026-07-04/21/20260704T21\u0660509.250000Z.mp4",
    ],
)
def test_does_not_read_foreign_names(path):
    assert begin_told("vms", path) is None


def test_tells_both_instants_of_a_local_time_that_occurs_twice():
    name = parse_layout("mediamtx", BERLIN).read("2026-10-25_02-30-00-000000.mp4")
    assert name.begin == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert name.later == name.begin + timedelta(hours=1)


def test_tells_one_instant_of_a_local_time_that_is_skipped():
    name = parse_layout("mediamtx", BERLIN).read("2026-03-29_02-30-00-000000.mp4")
    assert name.begin == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert name.later is None


def test_keeps_the_camera_it_is_narrowed_to():
    layout = parse_layout("frigate camera=back door", UTC)
    assert layout.camera == "back door"
    assert parse_layout(layout.of_camera("front"), UTC).camera == "front"


@pytest.mark.parametrize(
    ("layout", "cure"),
    [
        ("%Y-%m-%d/%H-%M.mp4", "add %S, or use %s"),
        ("%Y-%m-%d/%I-%M-%S.mp4", "add %H or %I with %p"),
        ("%m-%d/%H-%M-%S.mp4", "add %Y or %y"),
        ("%Y-%m/%H-%M-%S.mp4", "add %d with %m or %j"),
        ("film.mp4", "add %Y"),
        ("", "write vms, mediamtx, frigate"),
        ("/%Y-%m-%d/%H-%M-%S.mp4", "without a leading /"),
        ("../%s.mp4", "without a leading /"),
        ("%s-%Q.mp4", "%Q means nothing"),
        ("50%", "% means nothing"),
        ("%s.mp4 camera=front", "leave it out"),
    ],
)
def test_refuses_a_pattern_and_names_the_cure(layout, cure):
    with pytest.raises(BadLayout, match=cure.replace("%", r"\%")):
        parse_layout(layout, UTC)
