"""A process that fills an archive's index and times its range query, for `bench.rows`.

python -m bench.database ROWS...    ascending; prints what it found after each, as JSON
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from bench.place import start_django
from cameras.timeline import Interval

STREAMS = 100
SEGMENT = timedelta(seconds=60)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SPANS = {"60 s": 60, "1 h": 3600, "24 h": 86_400}
QUERIES = {"60 s": 500, "1 h": 500, "24 h": 100}
BATCH, FILL_CACHE_KIB = 250_000, 1_000_000


def main(sizes: Sequence[int]) -> list[dict[str, Any]]:
    start_django()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    folders = make_streams()
    answers: list[dict[str, Any]] = []
    rows = 0
    for size in sizes:
        fill(folders, range(rows, size))
        rows = size
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE cameras_segment")
        answers += [item for span in SPANS for item in measure(rows, span)]
    return answers


def make_streams() -> list[tuple[int, int]]:
    """Make cameras with a stream and a folder each; returns the ids of both."""
    from cameras.models import ArchiveFolder, Camera, Stream

    found = []
    for number in range(STREAMS):
        camera = Camera.objects.create(name=f"Camera {number}")
        stream = Stream.objects.create(camera=camera, longest_segment=SEGMENT)
        folder = ArchiveFolder.objects.create(
            stream=stream, path=f"/archive/{number}", layout="vms"
        )
        found.append((stream.pk, folder.pk))
    return found


def fill(folders: Sequence[tuple[int, int]], numbers: range) -> None:
    """Insert rows as recorders would: all streams side by side as time goes on."""
    from django.db import connection

    from cameras.models import Segment

    known = Segment._meta  # noqa: SLF001 - documented, for all its name
    fields = [field for field in known.concrete_fields if not field.primary_key]
    columns = [str(field.column) for field in fields]
    is_text = connection.vendor == "sqlite"
    rows = (row_of(fields, folders, number, is_text=is_text) for number in numbers)
    table = known.db_table
    if is_text:
        insert_rows(table, columns, rows)
    else:
        copy_rows(table, columns, rows)


def row_of(
    fields: Iterable[Any], folders: Sequence[tuple[int, int]], number: int, *, is_text: bool
) -> list[Any]:
    stream, folder = folders[number % STREAMS]
    begin = BEGIN + SEGMENT * (number // STREAMS)
    values: dict[str, Any] = {
        "stream_id": stream,
        "folder_id": folder,
        "path": f"{begin:%Y/%m/%d/%H-%M-%S}.mp4",
        "begin": written(begin, is_text=is_text),
        "end": written(begin + SEGMENT, is_text=is_text),
        "size": 31_000_000 + number % 1000,
        "mtime_ns": 1_767_225_600_000_000_000 + number,
        "video_codec": "h264",
        "audio_codec": "aac",
        "width": 1920,
        "height": 1080,
        "config": "0123456789abcdef0123456789abcdef",
        "created_at": written(begin + SEGMENT, is_text=is_text),
    }
    # A column that came later takes its default.
    return [values[f.attname] if f.attname in values else f.get_default() for f in fields]


def written(instant: datetime, *, is_text: bool) -> datetime | str:
    """SQLite keeps instants as text in UTC, as Django writes it."""
    return f"{instant:%Y-%m-%d %H:%M:%S}" if is_text else instant


def insert_rows(table: str, columns: Sequence[str], rows: Iterator[list[Any]]) -> None:
    from django.db import connection, transaction

    names = ", ".join(f'"{column}"' for column in columns)
    places = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - names of our own schema
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA cache_size = -{FILL_CACHE_KIB}")
    while part := list(islice(rows, BATCH)):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, part)
    connection.close()  # the next one has the cache a server's has


def copy_rows(table: str, columns: Sequence[str], rows: Iterator[list[Any]]) -> None:
    from django.db import connection

    names = ", ".join(f'"{column}"' for column in columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def measure(rows: int, span: str) -> list[dict[str, Any]]:
    """Ask for intervals of *span* anywhere in the archive, in each way."""
    from cameras.models import Stream

    streams = list(Stream.objects.all())
    length = timedelta(seconds=SPANS[span])
    whole = SEGMENT * (rows // STREAMS)
    chooser = random.Random(span)
    asked = []
    for _query in range(min(QUERIES[span], rows // 40)):
        begin = BEGIN + chooser.random() * max(whole - length, timedelta())
        asked.append((chooser.choice(streams), Interval(begin, begin + length)))
    answers = []
    for how, ask in ways().items():
        times, cpu, found = time_queries(ask, asked)
        plan = asked_set(*asked[0]).explain()
        answers.append(
            {
                "rows": rows,
                "span": span,
                "how": how,
                "found": found,
                "milliseconds": times,
                "cpu": cpu,
                "plan": plan,
            }
        )
    return answers


Ask = Callable[[Any, Any], Callable[[], list[Any]]]


def ways() -> dict[str, Ask]:
    """Name the ways to ask; each prepares a query outside the clock and returns how to run it."""
    from cameras.archive.index import segments_touching

    def as_models(stream: Any, interval: Any) -> Callable[[], list[Any]]:
        return lambda: segments_touching(stream, interval)

    def as_tuples(stream: Any, interval: Any) -> Callable[[], list[Any]]:
        return lambda: list(
            stream.segments.all()
            .touching(interval, stream.longest_segment)
            .values_list("id", "begin", "path", "size", "mtime_ns", "folder__path")
        )

    def as_sql(stream: Any, interval: Any) -> Callable[[], list[Any]]:
        statement, values = asked_set(stream, interval).query.sql_with_params()
        return lambda: run_sql(statement, values)

    return {"as the worker asks": as_models, "ORM, tuples": as_tuples, "SQL alone": as_sql}


def asked_set(stream: Any, interval: Any) -> Any:
    touching = stream.segments.all().touching(interval, stream.longest_segment)
    return touching.select_related("folder")


def run_sql(statement: str, values: Sequence[Any]) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def time_queries(
    ask: Ask, asked: Sequence[tuple[Any, Any]]
) -> tuple[list[float], list[float], int]:
    """Return milliseconds by the clock and of our CPU a query, and how many rows most found."""
    times, cpu, found = [], [], []
    for stream, interval in asked:
        run = ask(stream, interval)
        begin, used = time.perf_counter(), time.thread_time()
        rows = run()
        times.append((time.perf_counter() - begin) * 1000)
        cpu.append((time.thread_time() - used) * 1000)
        found.append(len(rows))
    return times, cpu, sorted(found)[len(found) // 2]


if __name__ == "__main__":
    print(json.dumps(main([int(size) for size in sys.argv[1:]])))
