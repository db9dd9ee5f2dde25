"""A process that fills the history of many users, for `bench.api`.

python -m bench.api_rows ROWS       in the environment of `bench.place`; adds what is missing to
that many downloads and prints a token of the first user and the plans of its queries, as JSON
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.database import copy_rows, insert_rows
from bench.place import start_django

# What one user has; so many are there from the start, all others' come later.
OF_ONE_USER = 1000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=10)
FIRST_USER = "user 0"
PER_PAGE = 25


def main(rows: int) -> dict[str, Any]:
    start_django()
    from django.core.management import call_command
    from django.db import connection

    from downloads.models import Download
    from exports.models import ExportJob

    call_command("migrate", verbosity=0)
    users = make_users(max(rows // OF_ONE_USER, 1))
    there = Download.objects.count()
    numbers = range(there, rows)
    put_in(ExportJob, job_rows(numbers))
    put_in(Download, download_rows(users, numbers))
    tables = ("downloads_download", "exports_exportjob")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"VACUUM ANALYZE {', '.join(tables)}")
        else:
            # The web process has no statistics in SQLite unless somebody asked for them.
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return {"token": token(users[0]), "plans": plans(users[0])}


def make_users(count: int) -> list[int]:
    from vms.accounts.models import User

    there = User.objects.count()
    User.objects.bulk_create(
        [User(login=f"user {number}", name=f"User {number}") for number in range(there, count)]
    )
    return list(User.objects.order_by("pk").values_list("pk", flat=True)[:count])


def owner_of(users: list[int], number: int) -> int:
    """Give the first user the first rows; all others' are mixed as time goes on."""
    if number < OF_ONE_USER or len(users) == 1:
        return users[0]
    return users[1 + number % (len(users) - 1)]


def job_id(number: int) -> uuid.UUID:
    return uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)


def job_rows(numbers: range) -> Iterator[dict[str, Any]]:
    for number in numbers:
        at = BEGIN + STEP * number
        yield {
            "id": job_id(number),
            "begin": at - timedelta(minutes=1),
            "end": at,
            "fingerprint": f"{number}:bench",
            "state": "expired" if number % 10 else "ready",
            "file": f"{number:032x}-1.mp4",
            "size": 4_000_000,
            "sha256": f"{number:064x}",
            "created_at": at,
            "finished_at": at,
            "expires_at": at + timedelta(hours=3),
        }


def download_rows(users: list[int], numbers: range) -> Iterator[dict[str, Any]]:
    for number in numbers:
        at = BEGIN + STEP * number
        yield {
            "user_id": owner_of(users, number),
            "job_id": job_id(number),
            "name": f"Camera {number % 100}.{at:%Y%m%d-%H%M%S}.mp4",
            "begin": at - timedelta(minutes=1),
            "end": at,
            "secret": f"{number:022x}",
            "created_at": at,
            "updated_at": at,
            "announced_at": at,
            "expires_at": at + timedelta(hours=3),
        }


def put_in(model: Any, rows: Iterator[dict[str, Any]]) -> None:
    """Insert rows past the models: a million of them in a minute."""
    from django.db import connection

    fields = [field for field in model._meta.concrete_fields if field.attname != "id"]  # noqa: SLF001
    if not model._meta.pk.db_returning:  # noqa: SLF001 - a key the database does not make
        fields.append(model._meta.pk)  # noqa: SLF001
    columns = [str(field.column) for field in fields]
    ready = prepared(fields, rows)
    insert = insert_rows if connection.vendor == "sqlite" else copy_rows
    insert(model._meta.db_table, columns, ready)  # noqa: SLF001


def prepared(fields: list[Any], rows: Iterator[dict[str, Any]]) -> Iterator[list[Any]]:
    """Turn values into the database's; defaults are prepared once."""
    from django.db import connection

    defaults = [field.get_db_prep_save(default_of(field), connection) for field in fields]
    for row in rows:
        yield [
            field.get_db_prep_save(row[field.attname], connection)
            if field.attname in row
            else default
            for field, default in zip(fields, defaults, strict=True)
        ]


def default_of(field: Any) -> Any:
    return (
        BEGIN
        if field.get_internal_type() == "DateTimeField" and not field.null
        else field.get_default()
    )


def token(user_id: int) -> str:
    from django.utils import timezone

    from vms.accounts.models import User
    from vms.accounts.services import open_session
    from vms.api.clients import Client

    user = User.objects.get(pk=user_id)
    _session, pair = open_session(user, Client(name="bench"), timezone.now())
    return pair.access


def plans(user_id: int) -> dict[str, str]:
    """Explain the queries of a list, as `docs/design/queries.md` shows them."""
    from downloads.filters import history

    found = history(user_id)
    last = (OF_ONE_USER // PER_PAGE - 1) * PER_PAGE
    return {
        "first page": found[:PER_PAGE].explain(),
        "last page": found[last : last + PER_PAGE].explain(),
        "count": found.order_by().values("pk").explain(),
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
