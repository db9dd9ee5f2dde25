"""GET /api/v1/cameras/{id} and GET /api/v1/cameras/shows"""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests import factories
from tests.cameras.api.conftest import MOST_QUERIES

PATH = "/api/v1/cameras"
BLOCKED = {
    "message": "The given data was invalid.",
    "errors": {"id": ["Access to this camera is blocked."]},
}


def shows(client, *ids):
    answer = client.get(f"{PATH}/shows?" + "&".join(f"ids[]={one}" for one in ids))
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_shows_what_the_list_shows(api, alice, yard):
    client = api(alice)
    [listed] = client.get(PATH).json()["data"]
    assert client.get(f"{PATH}/{yard.pk}").json() == listed
    assert shows(client, yard.pk) == [listed]


def test_shows_several_in_the_order_asked_each_once(api, alice):
    first, second = (factories.camera(owner=alice).pk for _ in range(2))
    assert [one["id"] for one in shows(api(alice), second, first, second)] == [second, first]


def test_leaves_out_foreign_blocked_and_unknown_ones(api, alice, yard, foreign):
    blocked = factories.camera(owner=alice)
    factories.grant(alice, blocked, status="blocked")
    found = shows(api(alice), foreign.pk, blocked.pk, 10**6, 0, -1, 10**30, yard.pk)
    assert [one["id"] for one in found] == [yard.pk]


@pytest.mark.parametrize("count", [1, 25])
def test_takes_as_many_queries_for_one_as_for_most(api, alice, count):
    ids = [factories.recorded(owner=alice).pk for _ in range(count)]
    client = api(alice)
    with CaptureQueriesContext(connection) as queries:
        assert len(shows(client, *ids)) == count
    assert len(queries) <= MOST_QUERIES


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("", "ids"),
        ("?ids[]=", "ids.0"),
        ("?ids[]=1&ids[]=x", "ids.1"),
        ("?ids[]=1.5", "ids.0"),
        ("?" + "&".join(f"ids[]={one}" for one in range(26)), "ids"),
    ],
)
def test_refuses_ids_that_are_none_or_too_many(api, alice, query, key):
    answer = api(alice).get(f"{PATH}/shows{query}")
    assert (answer.status_code, set(answer.json()["errors"])) == (422, {key})


# --- who may not ---


@pytest.mark.parametrize("path", ["shows?ids[]=1", "1", "1/archive/ranges"])
def test_refuses_a_stranger(db, path):
    answer = APIClient().get(f"{PATH}/{path}")
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


@pytest.mark.parametrize("tail", ["", "/archive/ranges"])
def test_answers_a_foreign_id_as_an_unknown_one(api, alice, bob, yard, foreign, tail):
    for user, camera in ((alice, foreign), (bob, yard)):
        client = api(user)
        theirs = client.get(f"{PATH}/{camera.pk}{tail}")
        unknown = client.get(f"{PATH}/{camera.pk + 1000}{tail}")
        assert theirs.status_code == unknown.status_code == 404
        assert theirs.content == unknown.content
        assert theirs.json() == {"message": "Not found."}


@pytest.mark.parametrize("tail", ["", "/archive/ranges"])
def test_says_that_a_camera_is_blocked(api, alice, yard, tail):
    factories.grant(alice, yard, status="blocked")
    answer = api(alice).get(f"{PATH}/{yard.pk}{tail}")
    assert (answer.status_code, answer.json()) == (403, BLOCKED)


def test_shows_operators_every_camera(api, operator, yard, foreign):
    client = api(operator)
    for camera in (yard, foreign):
        assert client.get(f"{PATH}/{camera.pk}").json()["name"] == camera.name


@pytest.mark.parametrize("camera_id", ["0", "x", "-1", "1.5", "9" * 19, "9" * 30, "9" * 5000])
@pytest.mark.parametrize("tail", ["", "/archive/ranges"])
def test_answers_404_to_what_is_no_id(api, alice, camera_id, tail):
    answer = api(alice).get(f"{PATH}/{camera_id}{tail}")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})
