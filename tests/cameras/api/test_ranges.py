"""GET /api/v1/cameras/{id}/archive/ranges"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras.archive import ranges
from cameras.archive.index import covered
from cameras.archive.ranges import recorded_ranges
from cameras.models import Segment
from cameras.timeline import Interval
from tests import factories
from tests.cameras.api.conftest import MOST_QUERIES

ZERO = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400


def at(seconds):
    return ZERO + timedelta(seconds=seconds)


def span(begin, end):
    return Interval(at(begin), at(end))


def wire(begin, end):
    return {"from": f"{at(begin):%Y-%m-%d %H:%M:%S}", "to": f"{at(end):%Y-%m-%d %H:%M:%S}"}


def path(camera, begin=0, end=100, **more):
    query = {"from": f"{at(begin):%Y-%m-%dT%H:%M:%SZ}", "to": f"{at(end):%Y-%m-%dT%H:%M:%SZ}"}
    query = "&".join(f"{key}={quote(value)}" for key, value in {**query, **more}.items())
    return f"/api/v1/cameras/{camera.pk}/archive/ranges?{query}"


def asked(client, *args, **more):
    answer = client.get(path(*args, **more))
    assert answer.status_code == 200, answer.content
    return answer.json()


def record(stream, *spans):
    """Insert segments quickly: `(begin, end)` in seconds after ZERO."""
    folder = factories.folder(stream)
    Segment.objects.bulk_create(
        Segment(
            stream=stream,
            folder=folder,
            path=f"{number}.mp4",
            begin=at(begin),
            end=at(end),
            size=1000,
            mtime_ns=0,
            video_codec="h264",
            width=160,
            height=90,
            config="0",
        )
        for number, (begin, end) in enumerate(spans)
    )
    longest = max(end - begin for begin, end in spans)
    stream.longest_segment = timedelta(seconds=longest)
    stream.save()


@pytest.fixture
def camera(alice):
    made = factories.camera(owner=alice)
    factories.stream(made)
    return made


@pytest.fixture
def stream(camera):
    return camera.streams.get()


def test_merges_segments_that_follow_one_another(api, alice, camera, stream):
    record(stream, (10, 20), (20, 30), (30.5, 40), (60, 70))
    assert asked(api(alice), camera) == {
        **wire(0, 100),
        "stream": "high",
        "ranges": [wire(10, 40), wire(60, 70)],
        "gaps": [wire(0, 10), wire(40, 60), wire(70, 100)],
        "duration": 40.0,
    }


def test_clips_to_the_interval(api, alice, camera, stream):
    record(stream, (-5, 15), (90, 110), (200, 210))
    found = asked(api(alice), camera)
    assert found["ranges"] == [wire(0, 15), wire(90, 100)]
    assert found["gaps"] == [wire(15, 90)]
    assert found["duration"] == 25


def test_answers_in_utc_whatever_zone_was_asked_in(api, alice, camera, stream):
    record(stream, (10, 20))
    zoned = {"from": "2026-03-01T03:00:00+03:00", "to": "2026-03-01T03:01:40 03:00"}
    found = asked(api(alice), camera, **zoned)
    assert (found["from"], found["to"]) == (wire(0, 100)["from"], wire(0, 100)["to"])
    assert found["ranges"] == [wire(10, 20)]


def test_finds_no_range_where_nothing_was_recorded(api, alice, camera, stream):
    record(stream, (200, 210))
    found = asked(api(alice), camera)
    assert (found["ranges"], found["gaps"], found["duration"]) == ([], [wire(0, 100)], 0)


def test_finds_nothing_in_a_camera_without_streams(api, alice):
    found = asked(api(alice), factories.camera(owner=alice))
    assert (found["stream"], found["ranges"], found["gaps"]) == (None, [], [wire(0, 100)])


def test_takes_the_stream_that_was_asked_for_else_the_best_with_footage(api, alice, camera, stream):
    low = factories.stream(camera, type="low")
    record(low, (0, 100))
    client = api(alice)
    assert asked(client, camera)["stream"] == "low"
    assert asked(client, camera, stream="high")["ranges"] == []
    record(stream, (10, 20))
    assert (asked(client, camera)["stream"], asked(client, camera)["duration"]) == ("high", 10)
    assert asked(client, camera, stream="low")["duration"] == 100


# --- as the archive is made of more ---


@pytest.mark.parametrize("seed", range(20))
def test_finds_what_merging_every_segment_finds(camera, stream, seed):
    dice = random.Random(seed)
    at_now, spans = 0.0, set()
    for _ in range(60):
        # Touching, overlapping, inside one another, a hole of about the tolerance or a wide one.
        at_now += dice.choice([0, 0, -3, -9.9, 0.999999, 1, 1.000001, 0.99, 1.01, 40])
        length = dice.choice([10, 10, 2.5, 0.25, 33.333333])
        spans.add((round(at_now, 6), round(at_now + length, 6)))
        at_now += dice.choice([length, length, length, 0])
    record(stream, *dice.sample(sorted(spans), len(spans)))
    for begin, end in ((-1000, 10_000), (17, 123), (100.5, 100.75)):
        assert recorded_ranges(stream, span(begin, end)) == covered(stream, span(begin, end))


def test_sees_a_long_segment_over_short_ones(camera, stream):
    record(stream, (0, 60), (5, 10), (20, 25), (70, 80))
    assert recorded_ranges(stream, span(0, 100)) == [span(0, 60), span(70, 80)]


def test_reads_one_stream_only(alice, camera, stream):
    record(stream, (0, 10))
    record(factories.stream(camera, type="low"), (0, 100))
    assert recorded_ranges(stream, span(0, 100)) == [span(0, 10)]


def test_asks_once_however_many_segments_there_are(
    api, alice, camera, stream, django_assert_num_queries
):
    hours = 6 * 360
    record(stream, *((10 * one, 10 * one + 10) for one in range(hours) if one % 100))
    with django_assert_num_queries(1):
        found = recorded_ranges(stream, span(0, 90 * DAY))
    assert len(found) == 22
    client = api(alice)
    with CaptureQueriesContext(connection) as queries:
        assert len(asked(client, camera, 0, 90 * DAY)["ranges"]) == 22
    assert len(queries) <= MOST_QUERIES
    assert len([one for one in queries if " OVER (" in one["sql"]]) == 1


def test_reads_no_row_of_the_table_itself(camera, stream):
    """The plan of the statement as it was sent: of both databases only the index is read."""
    record(stream, *((10 * one, 10 * one + 10) for one in range(3000)))
    with CaptureQueriesContext(connection) as queries:
        recorded_ranges(stream, span(0, 10_000))
    [statement] = [one["sql"] for one in queries]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            steps = [row[3] for row in cursor.fetchall() if "cameras_segment" in row[3]]
            assert len(steps) == 2
            for step in steps:
                assert "USING COVERING INDEX segment_stream_span (stream_id=? AND begin>?" in step
        else:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert plan.count("Index Only Scan using segment_stream_span") == 2
            assert "Seq Scan" not in plan


# --- what is refused ---


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", {"from", "to"}),
        ("from=&to=", {"from", "to"}),
        ("from=2026-03-01&to=x&stream=middle", {"from", "to", "stream"}),
        ("from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z", {"to"}),
        ("from=2026-03-01T00:00:01Z&to=2026-03-01T00:00:00Z&stream=x", {"to", "stream"}),
        ("from=2026-03-01T00:00:00Z&to=2026-06-09T00:00:01Z", {"to"}),
        ("from=2026-02-30T00:00:00Z&to=2026-03-01T00:00:00", {"from", "to"}),
    ],
)
def test_names_every_wrong_key_at_once(api, alice, camera, query, keys):
    answer = api(alice).get(f"/api/v1/cameras/{camera.pk}/archive/ranges?{query}")
    assert (answer.status_code, set(answer.json()["errors"])) == (422, keys)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z"),
        ("9999-12-30T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_answers_at_both_ends_of_the_calendar(api, alice, camera, stream, begin, end):
    record(stream, (0, 10))
    found = asked(api(alice), camera, **{"from": begin, "to": end})
    assert found["ranges"] == []


def test_refuses_more_pieces_than_an_answer_holds(api, alice, camera, stream, monkeypatch):
    monkeypatch.setattr(ranges, "MOST", 3)
    record(stream, *((20 * one, 20 * one + 10) for one in range(4)))
    client = api(alice)
    answer = client.get(path(camera))
    assert answer.status_code == 422
    assert "shorter interval" in answer.json()["errors"]["to"][0]
    assert len(asked(client, camera, 0, 60)["ranges"]) == 3
