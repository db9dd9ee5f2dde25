"""The bar that shows which parts of the last day of a camera are recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import connection
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

SPAN = timedelta(hours=24)
TICKS = 288
STEP = SPAN / TICKS
HEIGHT = 12


def recorded_ticks(stream_ids: Sequence[int], now: datetime) -> dict[int, set[int]]:
    """Find which of the TICKS instants of the day before *now* each stream has footage of.

    One query for all. Each instant asks the index on (stream, begin, end) for the segment that
    began last before it, so the effort does not depend on how many segments a day has. A segment
    that lasts on while a later one ended is missed: the bar is a picture, not the export's plan.
    """
    found: dict[int, set[int]] = {stream_id: set() for stream_id in stream_ids}
    if not stream_ids:
        return found
    adapt = connection.ops.adapt_datetimefield_value
    instants = [adapt(now - SPAN + STEP * (number + 0.5)) for number in range(TICKS)]
    ticks = ", ".join(["(%s, %s)"] * TICKS)
    streams = ", ".join(["%s"] * len(stream_ids))
    query = f"""
        WITH tick(number, at) AS (VALUES {ticks})
        SELECT stream.id, tick.number FROM cameras_stream stream CROSS JOIN tick
        WHERE stream.id IN ({streams}) AND tick.at < (
            SELECT segment."end" FROM cameras_segment segment
            WHERE segment.stream_id = stream.id AND segment.begin <= tick.at
            ORDER BY segment.begin DESC LIMIT 1
        )
    """  # noqa: S608 - placeholders only
    parameters = [value for pair in enumerate(instants) for value in pair]
    with connection.cursor() as cursor:
        cursor.execute(query, [*parameters, *stream_ids])
        for stream_id, number in cursor.fetchall():
            found[stream_id].add(number)
    return found


def draw_bar(recorded: set[int]) -> SafeString:
    """Draw the day from left to right; the words beside it say the same to those who hear it."""
    percent = f"{100 * len(recorded) / TICKS:.0f}\N{NO-BREAK SPACE}%"
    return format_html(
        '<svg role="img" aria-label="{} of the last 24 hours recorded" width="144" height="{}"'
        ' viewBox="0 0 {} {}" preserveAspectRatio="none">'
        '<rect width="{}" height="{}" fill="#b8bec4"/>{}</svg>&nbsp;{}',
        percent,
        HEIGHT,
        TICKS,
        HEIGHT,
        TICKS,
        HEIGHT,
        format_html_join(
            "",
            '<rect x="{}" width="{}" height="{}" fill="#1f7a4d"/>',
            ((begin, length, HEIGHT) for begin, length in runs_of(recorded)),
        ),
        percent,
    )


def runs_of(ticks: set[int]) -> list[tuple[int, int]]:
    """Join neighbouring ticks: where each run begins and how many it has."""
    runs = []
    for _key, group in groupby(enumerate(sorted(ticks)), key=lambda pair: pair[1] - pair[0]):
        members = [tick for _index, tick in group]
        runs.append((members[0], len(members)))
    return runs
