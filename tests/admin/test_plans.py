"""Every list, filter and search of a table that grows with use is answered by an index."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cameras.models import Stream
from downloads.models import Download
from tests.admin.rows import add_rows
from vms.accounts.models import Session

pytestmark = pytest.mark.django_db

GROWING = (
    "accounts_session",
    "cameras_segment",
    "cameras_cameraaccess",
    "downloads_download",
    "exports_exportjob",
    "push_event",
)
SQLITE = connection.vendor == "sqlite"


def plans_of(pages, address: str, table: str) -> list[tuple[str, str]]:
    """Explain what a page asks of *table*: the text of each query with the database's plan."""
    with CaptureQueriesContext(connection) as captured:
        assert pages.get(address).status_code == 200, address
    asked = [query["sql"] for query in captured.captured_queries]
    return [(sql, explain(sql)) for sql in asked if f'"{table}"' in sql or f" {table} " in sql]


def explain(sql: str) -> str:
    with connection.cursor() as cursor:
        if not SQLITE:
            # The table is small, so reading it whole would be best: ask what else there is.
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(("EXPLAIN QUERY PLAN " if SQLITE else "EXPLAIN ") + sql)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def read_whole(plan: str) -> set[str]:
    """Name the growing tables that a plan reads without an index."""
    names = "|".join(GROWING)
    if SQLITE:
        return set(re.findall(rf"SCAN ({names})(?! USING)", plan))
    return set(re.findall(rf"Seq Scan on ({names})", plan))


def is_looked_up(plan: str, table: str) -> bool:
    """Say whether *table* is entered at chosen places, not walked along from one end."""
    if SQLITE:
        return bool(re.search(rf"SEARCH {table} USING", plan))
    return "Index Cond" in plan


@pytest.fixture
def words(db):
    add_rows(3)
    download = Download.objects.select_related("job", "stream", "user").first()
    day = timezone.localdate()
    now = timezone.now()
    recent = {"created_at__gte": now - timedelta(days=7), "created_at__lt": now}
    return {
        "login": download.user.login,
        "user": download.user_id,
        "camera": download.stream.camera_id,
        "camera_name": "Yard",
        "stream": Stream.objects.first().pk,
        "job": download.job_id,
        "session": Session.objects.first().pk,
        "number": download.pk,
        "day": day.isoformat(),
        "week": urlencode({key: str(value) for key, value in recent.items()}),
    }


LISTS = [
    "accounts/session",
    "cameras/segment",
    "cameras/cameraaccess",
    "downloads/download",
    "exports/exportjob",
    "push/event",
]
NARROWED = [
    "accounts/session/?q={login}",
    "accounts/session/?q={session}",
    "accounts/session/?q=192.0.2.7",
    "accounts/session/?q={day}",
    "accounts/session/?{week}",
    "accounts/session/?state=open",
    "accounts/session/?user__id__exact={user}",
    "cameras/segment/?q={stream}",
    "cameras/segment/?q={stream}+{day}",
    "cameras/segment/?stream__id__exact={stream}",
    "cameras/cameraaccess/?q={login}",
    "cameras/cameraaccess/?camera__id__exact={camera}",
    "cameras/cameraaccess/?user__id__exact={user}",
    "downloads/download/?q={login}",
    "downloads/download/?q={camera_name}",
    "downloads/download/?q={number}",
    "downloads/download/?q={job}",
    "downloads/download/?q={day}",
    "downloads/download/?{week}",
    "downloads/download/?state=failed",
    "downloads/download/?state=queued&q={login}",
    "downloads/download/?user__id__exact={user}",
    "downloads/download/?job__id__exact={job}",
    "downloads/download/?stream__id__exact={stream}",
    "exports/exportjob/?q={job}",
    "exports/exportjob/?q={day}",
    "exports/exportjob/?{week}",
    "exports/exportjob/?state__exact=failed",
    "push/event/?q={login}",
    "push/event/?q={session}",
    "push/event/?q={number}",
    "push/event/?q={day}",
    "push/event/?{week}",
    "push/event/?user__id__exact={user}",
]


@pytest.mark.parametrize("name", LISTS)
def test_a_whole_list_is_walked_along_an_index(pages, words, name):
    table = name.replace("/", "_")
    plans = plans_of(pages, f"/admin/{name}/", table)
    assert len(plans) >= 2
    for sql, plan in plans:
        if "COUNT(*)" in sql:
            assert "LIMIT" in sql
            continue
        if SQLITE:  # a walk in the order of the primary key is called a scan there
            assert "FOR ORDER BY" not in plan, (sql, plan)
        else:
            assert not read_whole(plan), (sql, plan)


@pytest.mark.parametrize("query", NARROWED)
def test_a_narrowed_list_is_looked_up_in_an_index(pages, words, query):
    table = query.partition("/?")[0].replace("/", "_")
    plans = plans_of(pages, "/admin/" + query.format(**words), table)
    assert plans
    for sql, plan in plans:
        assert not read_whole(plan), (sql, plan)
        assert is_looked_up(plan, table), (sql, plan)


def test_the_bars_of_a_page_are_one_query_by_an_index(pages, words):
    [(_sql, plan)] = plans_of(pages, "/admin/cameras/camera/", "cameras_segment")
    assert "segment_stream_" in plan
    assert not read_whole(plan.replace("SCAN segment", "SCAN cameras_segment"))
