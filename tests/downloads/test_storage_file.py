"""GET and HEAD /storage/{secret}/{name}"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import unquote

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient
from django.utils import timezone
from django.utils.http import http_date

from downloads.models import Download
from downloads.naming import link_path
from tests import factories
from tests.factories import CONTENT

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = len(CONTENT)


@pytest.fixture
def ready(alice) -> Download:
    return factories.ready_download(alice)


@pytest.fixture(autouse=True)
async def no_connection_left(transactional_db):
    """Close the connection of the thread in which asynchronous code reads the database."""
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def fetch():
    """Ask for a download's file; gives the answer and its body."""

    async def fetch(download, method="get", query="", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        path = link_path(download.secret, download.name) + query
        answer = await getattr(AsyncClient(), method)(path, headers=headers)
        return answer, await body_of(answer)

    return fetch


async def body_of(answer):
    if answer.streaming:
        return b"".join([block async for block in answer.streaming_content])
    return answer.content


async def test_serves_the_whole_file(ready, fetch):
    answer, body = await fetch(ready)
    assert answer.status_code == 200
    assert body == CONTENT
    assert answer["Content-Length"] == str(SIZE)
    assert answer["Content-Type"] == "video/mp4"
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["ETag"] == f'"{ready.job.sha256[:32]}"'
    assert answer["Last-Modified"] == http_date(ready.job.finished_at.timestamp())
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer["Cache-Control"]
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert not answer.has_header("Content-Range")


async def test_needs_no_sign_in_and_no_right_name(ready):
    answer = await AsyncClient().get(f"/storage/{ready.secret}/any.mp4")
    assert await body_of(answer) == CONTENT


async def test_serves_the_link_the_record_gives(api, alice, ready):
    client = await sync_to_async(api)(alice)
    record = await sync_to_async(client.get)(f"/api/v1/downloads/{ready.pk}")
    answer = await AsyncClient().get(record.json()["url"].removeprefix("http://testserver"))
    assert await body_of(answer) == CONTENT


async def test_serves_files_of_many_blocks(alice, fetch):
    content = CONTENT * 3000
    download = await sync_to_async(factories.ready_download)(alice, content=content)
    _answer, body = await fetch(download)
    assert body == content
    _answer, body = await fetch(download, Range=f"bytes=5-{2**20 + 4}")
    assert body == content[5 : 2**20 + 5]


@pytest.mark.parametrize("range_header", [None, "bytes=0-9"])
async def test_answers_head_with_the_headers_alone(ready, fetch, range_header):
    headers = {"Range": range_header} if range_header else {}
    full, _body = await fetch(ready, **headers)
    answer, body = await fetch(ready, "head", **headers)
    assert body == b""
    assert answer.status_code == full.status_code
    own = {"X-Request-ID"}
    assert set(answer.items()) - set(full.items()) == {(name, answer[name]) for name in own}
    assert set(full.headers) == set(answer.headers)


@pytest.mark.parametrize(
    ("range_header", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=1000-", 1000, SIZE),
        ("bytes=1000-99999", 1000, SIZE),
        ("bytes=-24", SIZE - 24, SIZE),
        ("bytes=-99999", 0, SIZE),
    ],
)
async def test_serves_a_part(ready, fetch, range_header, begin, end):
    answer, body = await fetch(ready, Range=range_header)
    assert answer.status_code == 206
    assert body == CONTENT[begin:end]
    assert answer["Content-Range"] == f"bytes {begin}-{end - 1}/{SIZE}"
    assert answer["Content-Length"] == str(end - begin)
    assert answer["ETag"]


@pytest.mark.parametrize("range_header", ["bytes=0-1,5-6", "bytes=9-3", "lines=1-2", "bytes=x-"])
async def test_serves_the_whole_file_for_other_ranges(ready, fetch, range_header):
    answer, body = await fetch(ready, Range=range_header)
    assert (answer.status_code, body) == (200, CONTENT)


@pytest.mark.parametrize("range_header", [f"bytes={SIZE}-", "bytes=-0"])
async def test_answers_416_past_the_end(ready, fetch, range_header):
    answer, body = await fetch(ready, Range=range_header)
    assert (answer.status_code, body) == (416, b"")
    assert answer["Content-Range"] == f"bytes */{SIZE}"


async def test_resumes_only_the_very_file_that_was_begun(ready, fetch):
    etag = f'"{ready.job.sha256[:32]}"'
    date = http_date(ready.job.finished_at.timestamp())
    for if_range, status in (
        (etag, 206),
        (date, 206),
        ('"other"', 200),
        (f"W/{etag}", 200),
        (http_date(0), 200),
    ):
        answer, body = await fetch(ready, Range="bytes=10-19", If_Range=if_range)
        assert answer.status_code == status, if_range
        assert body == (CONTENT[10:20] if status == 206 else CONTENT)


async def test_answers_304_when_the_client_has_it(ready, fetch):
    etag = f'"{ready.job.sha256[:32]}"'
    for if_none_match in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer, body = await fetch(ready, If_None_Match=if_none_match)
        assert (answer.status_code, body) == (304, b"")
        assert answer["ETag"] == etag
    answer, body = await fetch(ready, If_None_Match='"x"')
    assert (answer.status_code, body) == (200, CONTENT)


async def test_lets_a_player_show_it(ready, fetch):
    answer, _body = await fetch(ready, query="?inline=1")
    assert answer["Content-Disposition"].startswith("inline; ")


async def test_names_the_file_in_its_own_letters(alice, fetch):
    download = await sync_to_async(factories.ready_download)(alice, name='Двор/"1".x-y.mp4')
    answer, body = await fetch(download)
    assert body == CONTENT
    header = answer["Content-Disposition"]
    assert unquote(header.split("filename*=UTF-8''")[1]) == "Двор_1_.x-y.mp4"


# --- who may not ---


async def test_gives_each_user_a_link_of_their_own(alice, mallory, fetch):
    hers = await sync_to_async(factories.ready_download)(alice)
    other = await sync_to_async(factories.ready_download)(mallory)
    assert hers.secret != other.secret
    assert len(hers.secret) >= 22


@pytest.mark.parametrize("secret", ["x", "..", ".partial", "%2e%2e", "0" * 22])
async def test_knows_no_other_secret(ready, secret):
    answer = await AsyncClient().get(f"/storage/{secret}/{ready.job.file.split('/')[1]}")
    assert answer.status_code == 404


async def test_serves_no_path_of_the_disk(ready):
    for path in (
        f"/storage/{ready.job.file}",
        f"/storage/.partial/{ready.pk}.mp4",
        f"/storage/{ready.secret}/../../x",
        f"/storage/{ready.secret}",
    ):
        assert (await AsyncClient().get(path)).status_code == 404, path


async def test_dies_with_the_record(ready, fetch):
    now = timezone.now()
    for changes in ({"expires_at": now}, {"expires_at": now + timedelta(1), "cancelled_at": now}):
        await Download.objects.filter(pk=ready.pk).aupdate(**changes)
        answer, _body = await fetch(ready)
        assert answer.status_code == 404, changes


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled", "expired"])
async def test_serves_only_what_is_ready(ready, fetch, state):
    ready.job.state = state
    await ready.job.asave()
    answer, _body = await fetch(ready)
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
async def test_only_reads(ready, fetch, method):
    answer, _body = await fetch(ready, method)
    assert answer.status_code == 405


# --- what breaks ---


async def test_stops_promising_a_file_that_somebody_took_away(ready, fetch, settings):
    job = ready.job
    (settings.STORAGE_DIR / job.file).unlink()
    answer, body = await fetch(ready)
    assert answer.status_code == 404
    assert str(settings.STORAGE_DIR).encode() not in body
    await job.arefresh_from_db()
    assert job.state == "expired"


async def test_keeps_its_promise_while_the_storage_is_away(ready, fetch, settings):
    away = settings.STORAGE_DIR.rename(settings.STORAGE_DIR.with_name("unmounted"))
    settings.STORAGE_DIR.mkdir()
    answer, body = await fetch(ready)
    assert answer.status_code == 503
    assert b"message" in body
    settings.STORAGE_DIR.rmdir()
    away.rename(settings.STORAGE_DIR)
    assert (await fetch(ready))[0].status_code == 200


async def test_takes_a_secret_of_another_form_for_unknown(async_client, db):
    for secret in ("%00", "x" * 5000, "a"):
        answer = await async_client.get(f"/storage/{secret}/x.mp4")
        assert answer.status_code == 404


async def test_answers_405_to_clients_without_a_cookie(ready):
    client = AsyncClient(enforce_csrf_checks=True)
    path = f"/storage/{ready.secret}/x.mp4"
    assert (await client.post(path)).status_code == 405
