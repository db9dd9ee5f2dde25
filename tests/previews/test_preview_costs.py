"""What it costs to follow a link: little when it was followed before, and no late answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from previews import preview_database, preview_views
from tests.previews.following import (
    AT,
    FOOTAGE,
    WITHDRAWALS,
    camera,
    link,
    one_connection,
    renderings,
)
from tests.previews.looking import ORIGIN, look, number_of

__all__ = ["camera", "link", "one_connection", "renderings"]
pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg, pytest.mark.processes]


def pictures(renderings):
    """Leave out that a renderer loaded its libraries, which the first of a process tells."""
    return [one for one in renderings if one != "warm"]


def test_looks_up_little_when_the_picture_is_there(link, django_assert_max_num_queries, renderings):
    url = link()
    first = look(url)

    with django_assert_max_num_queries(3):
        assert look(url).body == first.body
    assert pictures(renderings) == ["render_picture"]


def test_many_links_to_the_same_picture_are_one_rendering(link, renderings):
    shown = {look(link(ttl=ttl)).body for ttl in (1000, 2000, 3000)}

    assert len(shown) == 1
    assert pictures(renderings) == ["render_picture"]


# --- by threads of their own ----------------------------------------------------------------


@pytest.fixture
def readers(monkeypatch, transactional_db):
    """Give the test a reader of its own, whose connection ends with it."""
    made = ThreadPoolExecutor(1, initializer=preview_database.begin_memory)
    monkeypatch.setattr(preview_database, "readers", made)
    yield made
    made.submit(connections.close_all).result()
    made.shutdown()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("withdraw", WITHDRAWALS)
def test_what_is_remembered_is_forgotten_with_any_write(
    readers, link, alice, camera, monkeypatch, withdraw
):
    monkeypatch.setattr(preview_database, "REMEMBERED_SECONDS", 1e9)
    url = link()
    assert [look(url).status_code for _ in range(3)] == [200] * 3

    withdraw(alice, camera)

    assert look(url).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_asks_little_while_nothing_is_written(readers, link, monkeypatch):
    monkeypatch.setattr(preview_database, "REMEMBERED_SECONDS", 1e9)
    url = link()
    first = look(url)
    asked = []

    def check(*arguments, check=preview_views.check_issuer):
        asked.append(arguments)
        return check(*arguments)

    monkeypatch.setattr(preview_views, "check_issuer", check)

    # A PostgreSQL server tells of writes to any of its databases: other tests have theirs there.
    for _ in range(100):
        asked.clear()
        assert look(url).body == first.body
        if not asked:
            break
    assert asked == []


@pytest.mark.django_db(transaction=True)
def test_remembers_for_a_moment_only(readers, link, monkeypatch):
    monkeypatch.setattr(preview_database, "REMEMBERED_SECONDS", -1)
    asked = []

    def check(*arguments, check=preview_views.check_issuer):
        asked.append(arguments)
        return check(*arguments)

    monkeypatch.setattr(preview_views, "check_issuer", check)
    url = link()
    look(url)
    asked.clear()

    assert [look(url).status_code for _ in range(3)] == [200] * 3
    assert len(asked) == 3


@pytest.mark.django_db(transaction=True)
def test_goes_on_when_the_database_closed_the_connection(readers, link):
    url = link()
    assert look(url).status_code == 200

    def cut():
        connections["default"].connection.close()

    readers.submit(cut).result()

    assert look(url).status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_is_served_in_an_event_loop_as_well(readers, link):
    url = await sync_to_async(link)()

    answer = await AsyncClient().get(url.removeprefix(ORIGIN))
    await sync_to_async(connections.close_all)()

    assert answer.status_code == 200
    assert number_of(answer.content) == FOOTAGE.number_at(AT)
