"""GET /api/admin/v1/downloads"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import factories
from tests.factories import BEGIN

PATH = "/api/admin/v1/downloads"


@pytest.fixture
def stream(yard):
    return yard.streams.get()


def listed(client, query=""):
    answer = client.get(f"{PATH}{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(client, query=""):
    return [record["id"] for record in listed(client, query)["data"]]


def test_lists_everybodys_newest_first(api, alice, mallory, operator, stream):
    made = [
        factories.download(
            user, job=factories.job(stream=stream), created_at=BEGIN + timedelta(hours=hour)
        )
        for user, hour in ((alice, 1), (mallory, 3), (operator, 2), (alice, 3))
    ]

    assert ids(api(operator)) == [made[number].pk for number in (1, 3, 2, 0)]


def test_names_the_owner_of_each(api, alice, operator, stream):
    factories.download(alice, job=factories.job(stream=stream))

    [record] = listed(api(operator))["data"]

    assert (record["user_id"], record["user"]["login"]) == (alice.pk, "alice")
    assert record["user"]["access_token_id"] is None
    assert record["stream"]["camera"]["name"] == "Yard"


def test_narrows_to_a_user(api, alice, mallory, operator, stream):
    hers = factories.download(alice, job=factories.job(stream=stream))
    factories.download(mallory, job=factories.job(stream=stream))
    client = api(operator)

    assert ids(client, f"?user_id={alice.pk}") == [hers.pk]
    assert ids(client, "?user_id=999999") == []


def test_narrows_as_for_clients(api, alice, operator, stream):
    other = factories.recorded(name="Gate").streams.get()
    made = factories.download(alice, job=factories.job(stream=stream))
    gate = factories.ready_download(alice, stream=other, camera_name="Gate")
    client = api(operator)

    assert ids(client, "?status=ready") == [gate.pk]
    assert ids(client, f"?ids[]={stream.camera_id}") == [made.pk]
    assert ids(client, "?search=gate") == [gate.pk]
    assert ids(client, "?from=2100-01-01T00:00:00Z") == []


def test_names_every_wrong_key_at_once(api, operator):
    answer = api(operator).get(f"{PATH}?user_id=x&status=odd&page=0&from=1")

    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"user_id", "status", "page", "from"}


@pytest.mark.parametrize("user_id", ["0", "-1", "1.5", str(2**63), "9" * 5000])
def test_refuses_an_id_no_user_has(api, operator, user_id):
    assert set(api(operator).get(f"{PATH}?user_id={user_id}").json()["errors"]) == {"user_id"}


def test_pages_on_its_own_path(api, alice, operator, stream):
    for _ in range(3):
        factories.download(alice, job=factories.job(stream=stream))

    body = listed(api(operator), f"?user_id={alice.pk}&per_page=2")

    assert body["links"]["next"] == (
        f"http://testserver{PATH}?user_id={alice.pk}&per_page=2&page=2"
    )
    assert body["meta"]["total"] == 3


@pytest.mark.parametrize("rows", [1, 40])
def test_asks_the_database_as_often_for_many_rows_as_for_few(
    api, alice, mallory, operator, rows, django_assert_max_num_queries
):
    for number in range(rows):
        camera = factories.recorded()
        factories.stream(camera, type="low")
        user = (alice, mallory)[number % 2]
        factories.download(user, job=factories.job(stream=camera.streams.first()))
    client = api(operator)

    with django_assert_max_num_queries(8):
        assert len(listed(client, "?per_page=100")["data"]) == rows
