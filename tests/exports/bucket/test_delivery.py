"""GET and HEAD /storage/{secret}/{name} of files in a bucket: passed on, or led to."""

from __future__ import annotations

import http.client
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient
from django.utils import timezone

from downloads.models import Download
from downloads.naming import link_path
from downloads.storage_views import BLOCK
from exports import storage
from tests import factories
from tests.factories import CONTENT
from tests.s3 import BUCKET, KEY_ID, SECRET, Fault

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
SIZE = len(CONTENT)


@pytest.fixture
def ready(alice, bucket) -> Download:
    return in_bucket(bucket, factories.ready_download(alice, name="Двор 1.mp4"))


def in_bucket(bucket, download):
    """Take a download's file from the folder into the bucket."""
    path = storage.path_of(download.job.file)
    bucket.put_object(Bucket=BUCKET, Key=f"files/{download.job.file}", Body=path.read_bytes())
    path.unlink()
    return download


@pytest.fixture
def redirect(settings, bucket):
    settings.VMS = {**settings.VMS, "VMS_STORAGE_DELIVERY": "redirect"}


@pytest.fixture(autouse=True)
async def no_connection_left(transactional_db):
    """Close the connection of the thread in which asynchronous code reads the database."""
    yield
    await sync_to_async(connections.close_all)()


async def fetch(download, method="get", query="", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    path = link_path(download.secret, download.name) + query
    answer = await getattr(AsyncClient(), method)(path, headers=headers)
    if answer.streaming:
        return answer, b"".join([block async for block in answer.streaming_content])
    return answer, answer.content


# --- passed on by the web process ---


@pytest.mark.parametrize(
    ("range_header", "status", "begin", "end"),
    [
        (None, 200, 0, SIZE),
        ("bytes=100-199", 206, 100, 200),
        ("bytes=1000-", 206, 1000, SIZE),
        ("bytes=-24", 206, SIZE - 24, SIZE),
        (f"bytes={SIZE}-", 416, 0, 0),
    ],
)
async def test_passes_on_what_is_asked_for(ready, range_header, status, begin, end):
    headers = {"Range": range_header} if range_header else {}
    answer, body = await fetch(ready, **headers)
    assert (answer.status_code, body) == (status, CONTENT[begin:end])
    assert answer["ETag"] == f'"{ready.job.sha256[:32]}"'
    head, nothing = await fetch(ready, "head", **headers)
    assert (head.status_code, nothing) == (status, b"")
    assert head.get("Content-Range") == answer.get("Content-Range")
    assert head.get("Content-Length") == answer.get("Content-Length")


async def test_asks_the_bucket_for_no_more_than_that(alice, bucket, s3_proxy):
    content = CONTENT * 2000
    made = await sync_to_async(factories.ready_download)(alice, content=content)
    download = in_bucket(bucket, made)
    seen = []
    s3_proxy.saw = seen.append
    _answer, body = await fetch(download, Range=f"bytes=5-{BLOCK + 4}")
    assert body == content[5 : BLOCK + 5]
    assert [headers["Range"] for method, headers in seen if method == "GET"] == [
        f"bytes=5-{BLOCK + 4}"
    ]


async def test_goes_on_where_the_bucket_broke_off(alice, bucket, s3_proxy):
    content = CONTENT * 2000
    made = await sync_to_async(factories.ready_download)(alice, content=content)
    download = in_bucket(bucket, made)
    s3_proxy.faults.append(Fault(lambda method, _path: method == "GET", "drop answer", times=3))
    answer, body = await fetch(download)
    assert (answer.status_code, body) == (200, content)


async def test_answers_304_without_reading_it(ready, s3_proxy):
    answer, _body = await fetch(ready, If_None_Match=f'"{ready.job.sha256[:32]}"')
    assert answer.status_code == 304
    assert not any(method == "GET" for method, _path in s3_proxy.asked)


# --- led to the bucket ---


def follow(answer, method="GET", **headers):
    """Ask for where an answer leads; gives the answer there, and its body."""
    parts = urlsplit(answer["Location"])
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request(method, f"{parts.path}?{parts.query}", headers=headers)
    there = connection.getresponse()
    body = there.read()
    connection.close()
    return there, body


async def test_leads_to_the_bucket_under_the_name_of_the_record(ready, redirect):
    answer, body = await fetch(ready)
    assert (answer.status_code, body) == (302, b"")
    assert answer["Cache-Control"] == "private, no-store"

    there, body = follow(answer)
    assert (there.status, body) == (200, CONTENT)
    assert there.getheader("Content-Type") == "video/mp4"
    name = there.getheader("Content-Disposition").split("filename*=UTF-8''")[1]
    assert unquote(name) == "Двор 1.mp4"
    assert there.getheader("Content-Disposition").startswith("attachment")
    there, body = follow(answer, Range="bytes=10-19")
    assert (there.status, body) == (206, CONTENT[10:20])
    assert there.getheader("Content-Range") == f"bytes 10-19/{SIZE}"


async def test_leads_a_question_for_the_headers_there_too(ready, redirect):
    answer, _body = await fetch(ready, "head")
    assert answer.status_code == 302
    there, _body = follow(answer, "HEAD")
    assert there.status == 200
    assert there.getheader("Content-Length") == str(SIZE)
    there, _body = follow((await fetch(ready, "get", "?inline=1"))[0])
    assert there.getheader("Content-Disposition").startswith("inline")


@pytest.mark.parametrize(("life", "longest"), [(600, 600), (86_400, 3600)])
async def test_links_die_with_the_record(ready, redirect, life, longest):
    now = timezone.now()
    await Download.objects.filter(pk=ready.pk).aupdate(expires_at=now + timedelta(seconds=life))
    answer, _body = await fetch(ready)
    [seconds] = parse_qs(urlsplit(answer["Location"]).query)["X-Amz-Expires"]
    assert longest - 60 < int(seconds) <= longest


async def test_leads_nowhere_without_a_live_link(ready, redirect):
    assert (await fetch(ready, "post"))[0].status_code == 405
    known = f'"{ready.job.sha256[:32]}"'
    assert (await fetch(ready, If_None_Match=known))[0].status_code == 304
    for left in (timedelta(), timedelta(milliseconds=900)):
        await Download.objects.filter(pk=ready.pk).aupdate(expires_at=timezone.now() + left)
        answer, _body = await fetch(ready)
        assert answer.status_code == 404
        assert not answer.has_header("Location")


# --- what breaks, either way ---


@pytest.mark.parametrize("delivery", ["direct", "redirect"])
async def test_stops_promising_a_file_that_somebody_took_away(ready, bucket, settings, delivery):
    settings.VMS = {**settings.VMS, "VMS_STORAGE_DELIVERY": delivery}
    bucket.delete_object(Bucket=BUCKET, Key=f"files/{ready.job.file}")
    answer, _body = await fetch(ready)
    assert answer.status_code == 404
    await ready.job.arefresh_from_db()
    assert ready.job.state == "expired"


@pytest.mark.parametrize("delivery", ["direct", "redirect"])
async def test_keeps_its_promise_while_the_bucket_is_away(
    ready, s3_proxy, settings, delivery, capfd
):
    settings.VMS = {**settings.VMS, "VMS_STORAGE_DELIVERY": delivery}
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=99))
    answer, body = await fetch(ready)
    assert answer.status_code == 503
    assert answer["Retry-After"]
    await ready.job.arefresh_from_db()
    assert ready.job.state == "ready"
    said = body.decode() + "".join(capfd.readouterr())
    for secret in (BUCKET, KEY_ID, SECRET, "X-Amz", "127.0.0.1"):
        assert secret not in said
