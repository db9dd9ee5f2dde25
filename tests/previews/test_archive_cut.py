"""What a link to the archive serves as `mp4`: the exact cut, read where it lies."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from tests.footage import BEGIN, Footage, decode_numbers
from tests.previews.archive import asked, follow, record

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture(autouse=True)
async def no_connection_left(transactional_db):
    """Close the connection of the thread in which asynchronous code reads the database."""
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def camera(alice):
    return record(Footage(), alice)


@pytest.fixture
def links(api, alice):
    def links(*cameras, **options):
        answer = api(alice).post("/api/v1/cameras/archive", {"cameras": cameras, **options}, "json")
        assert answer.status_code == 200, answer.data
        return answer.data

    return links


async def test_shows_every_picture_of_the_interval(camera, links, tmp_path):
    (link,) = await sync_to_async(links)(asked(camera, 3.37, 9.21))

    answer = await follow(link["url"])

    assert answer.status_code == 200
    target = tmp_path / "cut.mp4"
    target.write_bytes(answer.body)
    assert [number for _, number in decode_numbers(target)] == Footage().numbers_in(
        BEGIN + timedelta(seconds=3.37), BEGIN + timedelta(seconds=9.21)
    )
    assert answer["Content-Length"] == str(len(answer.body))
