"""Many at once: each picture is rendered once, whoever asks, and everybody gets it.

That nobody waits for more than five seconds is for `make bench ARGS=previews` to measure: a busy
machine keeps no such promise.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncRequestFactory
from django.utils import timezone

from previews import preview_database
from previews.preview_views import link_path, serve_preview
from previews.rendering_once import studio
from previews.signing import Grant, IssuedTo, Kind
from tests.footage import BEGIN, Footage
from tests.previews.archive import record
from tests.previews.looking import number_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.ffmpeg,
    pytest.mark.processes,
]
FOOTAGE = Footage(seconds=12)
CLIENTS, PREVIEWS = 200, 20


@pytest.fixture
def readers(monkeypatch, transactional_db):
    made = ThreadPoolExecutor(2, initializer=preview_database.begin_memory)
    monkeypatch.setattr(preview_database, "readers", made)
    yield
    together = Barrier(2)  # or one of them is quick enough to be asked twice

    def close():
        together.wait()
        connections.close_all()

    for closed in [made.submit(close) for _ in range(2)]:
        closed.result()
    made.shutdown()


def links_to(camera):
    stream = camera.streams.get()
    return {
        link_path(
            Grant(
                kind=Kind.PREVIEW,
                source="jpg",
                camera=camera.uuid,
                stream=stream.uuid,
                begin=at,
                end=None,
                issued_to=IssuedTo.PUBLIC,
                issuer="",
                expires_at=timezone.now() + timedelta(hours=1),
            )
        ): FOOTAGE.number_at(at)
        for at in (BEGIN + timedelta(seconds=0.5 * number) for number in range(PREVIEWS))
    }


def resident_bytes():
    """Return the most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def follow(link):
    """Call the view itself: what the middleware costs two hundred times is not asked here."""
    request = AsyncRequestFactory().get(link)
    return await serve_preview(request, link.removeprefix("/preview/"))


async def test_a_crowd_costs_one_rendering_a_picture(readers, monkeypatch):
    links = await sync_to_async(lambda: links_to(record(FOOTAGE, None)))()
    renderings, run = Counter(), studio().decoders.run

    def counted(job, arguments):
        renderings[arguments["at"]] += 1
        return run(job, arguments)

    monkeypatch.setattr(studio().decoders, "run", counted)
    asked = [list(links)[number % PREVIEWS] for number in range(CLIENTS)]
    before = resident_bytes()

    answers = await asyncio.gather(*(follow(link) for link in asked))
    await sync_to_async(connections.close_all)()

    # Who waits holds neither a thread nor a picture.
    assert resident_bytes() - before < 150 * 2**20
    assert len(studio().decoders.threads) <= studio().decoders.count
    assert [answer.status_code for answer in answers] == [200] * CLIENTS
    assert len(renderings) == PREVIEWS
    assert set(renderings.values()) == {1}
    shown = {link: answer.content for link, answer in zip(asked, answers, strict=True)}
    assert {link: number_of(picture) for link, picture in shown.items()} == links
    assert all(answer.content == shown[link] for link, answer in zip(asked, answers, strict=True))
