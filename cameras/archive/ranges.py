"""The unbroken stretches of a stream's archive, found inside the database: one query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from cameras.archive.index import JOINED
from cameras.models import Segment, Stream
from cameras.timeline import Interval, merge

MOST = 20_000

# A stretch begins where all that began before has ended. `reach` is how far that went.
STRETCHES = """
SELECT "begin", reach, (SELECT MAX("end") FROM ({touching}) AS every)
FROM (
    SELECT "begin", MAX("end") OVER (
        ORDER BY "begin" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS reach
    FROM ({touching}) AS touching
) AS reached
WHERE reach IS NULL OR ("begin" > reach AND {is_hole})
ORDER BY "begin"
LIMIT %s
"""
IS_HOLE = {
    "sqlite": """(julianday("begin") - julianday(reach)) * 86400 > %s""",
    "postgresql": """"begin" - reach > make_interval(secs => %s)""",
}
# SQLite's days are floats of some 40 microseconds: a little too many are let through and merged.
ROUNDING_SECONDS = 0.002


class TooManyRanges(Exception):
    """The archive is broken into more than MOST stretches in the interval."""


def recorded_ranges(stream: Stream, interval: Interval) -> list[Interval]:
    """List the parts of *interval* with footage, joined over holes up to JOINED: one query.

    Only the stretches leave the database, however many segments they are made of.

    Raises:
        TooManyRanges: there are more than MOST of them.
    """
    touching = stream.segments.all().touching(interval, stream.longest_segment)
    runs = merge(stretches(touching.order_by().values("begin", "end")), JOINED)
    clipped = (run.clip(interval) for run in runs)
    return [part for part in clipped if part is not None]


def stretches(touching: QuerySet[Segment, Any]) -> list[Interval]:
    statement, values = touching.query.sql_with_params()
    # The statement comes from the query set and from this module; all values are parameters.
    asked = STRETCHES.format(touching=statement, is_hole=IS_HOLE[connection.vendor])
    shortest = JOINED.total_seconds() - ROUNDING_SECONDS
    with connection.cursor() as cursor:
        cursor.execute(asked, [*values, *values, shortest, MOST + 1])
        rows = cursor.fetchall()
    if len(rows) > MOST:
        raise TooManyRanges
    begins = [instant(begin) for begin, _reach, _last in rows]
    # One stretch ends at what had been reached when the next began, the last one with the archive.
    ends = [instant(reach) for _begin, reach, _last in rows[1:]]
    ends += [instant(last) for _begin, _reach, last in rows[-1:]]
    return [Interval(begin, end) for begin, end in zip(begins, ends, strict=True)]


def instant(value: datetime | str) -> datetime:
    """Read a column as the databases return it; SQLite keeps instants as text in UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
