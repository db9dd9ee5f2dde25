"""`GET /download?file=`: the file of a task, for whoever has its id."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient
from django.utils import timezone

from exports.models import ExportJob
from exports.psim.models import ArchiveTask
from tests import factories
from tests.psim.conftest import refused

UNKNOWN = "084b56a5-bd49-4327-82db-9bc911f7ff96"
NO_TASKS = ("../../x", "..%2F..%2Fetc%2Fpasswd", "%00", "x" * 3000, "1", UNKNOWN, "{}", "'or 1 --")


@pytest.fixture(autouse=True)
async def no_connection_left(transactional_db):
    """Close the connection of the thread in which asynchronous code reads the database."""
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def task_id(transactional_db, psim, alice, yard):
    made = psim(alice).task(yard)
    factories.finish(ExportJob.objects.get())
    return made


async def ask(text, method="get", **headers):
    """Ask as a server would be asked, and read the whole answer."""
    answer = await getattr(AsyncClient(), method)(f"/download?file={text}", headers=headers)
    if not answer.streaming:
        return answer, answer.content
    return answer, b"".join([block async for block in answer.streaming_content])


async def test_gives_the_whole_file_to_whoever_has_the_id(task_id):
    answer, content = await ask(task_id)

    assert answer.status_code == 200
    assert content == factories.CONTENT
    assert answer["Content-Type"] == "video/mp4"
    assert answer["Content-Length"] == str(len(content))
    assert answer["Accept-Ranges"] == "bytes"
    assert 'filename="Yard.20230310-102000-102100.mp4"' in answer["Content-Disposition"]
    assert "Set-Cookie" not in answer


async def test_goes_on_where_it_broke_off(task_id):
    answer, content = await ask(task_id, Range="bytes=1000-")
    assert answer.status_code == 206
    assert content == factories.CONTENT[1000:]

    answer, content = await ask(task_id, "head")
    assert (answer.status_code, content) == (200, b"")
    assert answer["Content-Length"] == str(len(factories.CONTENT))


async def test_refuses_what_is_no_file(task_id):
    job = await ExportJob.objects.aget()
    task = await ArchiveTask.objects.aget()
    for text in (*NO_TASKS, job.pk, task.pk):
        answer, _content = await ask(text)
        assert refused(answer, 404).startswith("There is no such file"), text
        repeated = str(text) if text in (UNKNOWN, job.pk) else None
        assert answer.json()["ArchiveTaskId"] == repeated
    assert "file" in refused((await ask(""))[0], 400)


async def test_refuses_other_methods(task_id):
    for method in ("post", "put", "delete", "patch", "options"):
        answer, _content = await ask(task_id, method)
        refused(answer, 405)
        assert answer["Allow"] == "GET, HEAD"


async def test_is_dead_before_it_is_ready_and_when_it_expires(task_id):
    await ExportJob.objects.aupdate(state="running")
    refused((await ask(task_id))[0], 404)
    await ExportJob.objects.aupdate(state="ready", expires_at=timezone.now())
    refused((await ask(task_id))[0], 404)


async def test_says_that_a_lost_file_is_lost_and_when_the_storage_is_away(task_id, settings):
    away = settings.STORAGE_DIR.with_name("away")
    settings.STORAGE_DIR.rename(away)
    answer, _content = await ask(task_id)
    refused(answer, 503)
    assert int(answer["Retry-After"]) > 0

    away.rename(settings.STORAGE_DIR)
    for folder in settings.STORAGE_DIR.glob("[0-9a-f]*"):
        shutil.rmtree(folder)
    refused((await ask(task_id))[0], 404)


async def test_gives_two_at_once_a_file_each(task_id):
    answers = await asyncio.gather(ask(task_id), ask(task_id))
    assert [content for _answer, content in answers] == [factories.CONTENT] * 2
