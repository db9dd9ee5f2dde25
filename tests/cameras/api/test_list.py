"""GET /api/v1/cameras"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from cameras.models import CameraGroup
from tests import factories
from tests.cameras.api.conftest import MOST_QUERIES
from tests.factories import BEGIN

PATH = "/api/v1/cameras"


def listed(client, query=""):
    answer = client.get(f"{PATH}{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(client, query=""):
    return [camera["id"] for camera in listed(client, query)["data"]]


@pytest.fixture
def by_status(alice):
    """One camera of each status; streams of two kinds count as the better."""
    cameras = {name: factories.camera(owner=alice, name=name) for name in ("empty", "initial")}
    factories.stream(cameras["initial"])
    for name, statuses in {
        "active": ("inactive", "active"),
        "inactive": ("inactive", None),
    }.items():
        cameras[name] = factories.camera(owner=alice, name=name)
        for type_, status in zip(("high", "low"), statuses, strict=True):
            factories.stream(cameras[name], type=type_, status=status)
    return {name: camera.pk for name, camera in cameras.items()}


def test_shows_the_keys_that_clients_read(api, alice, yard):
    [camera] = listed(api(alice))["data"]
    stream = yard.streams.get()
    assert camera == {
        "id": yard.pk,
        "uuid": str(yard.uuid),
        "name": "Yard",
        "pretty_name": "Yard",
        "pretty_text": "Yard",
        "short_address": "",
        "full_address": "",
        "lat": None,
        "lng": None,
        "azimuth": None,
        "group_id": None,
        "billing_id": None,
        "type": "media_server_v2",
        "status": "initial",
        "user_status": "active",
        "start_at": None,
        "created_at": f"{yard.created_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "updated_at": f"{yard.updated_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "streams": [
            {
                "id": stream.pk,
                "type": "high",
                "camera_id": yard.pk,
                "is_preview_from_server": True,
                "is_archive_from_server": None,
                "status": None,
                "has_sound": False,
                "width": None,
                "height": None,
            }
        ],
        "services": {"ptz": False, "motion_detect": False},
        "has_sound": False,
        "archive_ranges": [{"from": "2023-03-10 10:20:00", "to": "2023-03-10 10:30:00"}],
        "is_archive_recording": True,
        "is_bridge": False,
        "is_favorite": False,
        "is_public": False,
    }


def test_shows_no_credentials(api, alice, operator, yard):
    for user in (alice, operator):
        for path in (PATH, f"{PATH}/{yard.pk}", f"{PATH}/shows?ids[]={yard.pk}"):
            assert b"hunter2" not in api(user).get(path).content


def test_shows_the_archive_of_all_streams_from_first_to_last(api, alice):
    camera = factories.camera(owner=alice)
    high, low = factories.stream(camera), factories.stream(camera, type="low")
    factories.segment(low, begin=BEGIN - timedelta(days=2))
    factories.segment(high, begin=BEGIN)
    factories.segment(high, begin=BEGIN + timedelta(hours=1))
    [shown] = listed(api(alice))["data"]
    assert shown["archive_ranges"] == [{"from": "2023-03-08 10:20:00", "to": "2023-03-10 11:21:00"}]
    assert [stream["type"] for stream in shown["streams"]] == ["high", "low"]


def test_shows_a_camera_without_archive_and_one_without_streams(api, alice):
    factories.stream(factories.camera(owner=alice))
    factories.camera(owner=alice)
    shown = listed(api(alice))["data"]
    assert [camera["archive_ranges"] for camera in shown] == [[], []]
    assert [len(camera["streams"]) for camera in shown] == [1, 0]


def test_has_sound_when_one_stream_has(api, alice):
    camera = factories.camera(owner=alice)
    factories.stream(camera)
    factories.stream(camera, type="low", has_sound=True)
    [shown] = listed(api(alice))["data"]
    assert shown["has_sound"] is True


# --- pages and filters ---


def test_lists_by_id_in_pages(api, alice):
    made = [factories.camera(owner=alice).pk for _ in range(5)]
    client = api(alice)
    assert ids(client) == made
    page = listed(client, "?per_page=2&page=3&search=ya")
    assert [camera["id"] for camera in page["data"]] == made[4:]
    assert (page["meta"]["total"], page["meta"]["last_page"]) == (5, 3)
    assert page["links"]["prev"] == f"http://testserver{PATH}?per_page=2&search=ya&page=2"


@pytest.mark.parametrize("count", [1, 60])
def test_takes_as_many_queries_for_a_page_of_any_size(api, alice, count):
    for number in range(count):
        camera = factories.recorded(owner=alice, name=str(number))
        factories.segment(factories.stream(camera, type="low"))
    client = api(alice)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(ids(client, "?per_page=100&search=&statuses[]=initial")) == count
    assert len(queries) <= MOST_QUERIES, [query["sql"] for query in queries]


def test_narrows_to_a_part_of_the_name(api, alice):
    gate = factories.camera(owner=alice, name="North gate")
    factories.camera(owner=alice)
    assert ids(api(alice), "?search=GATE") == [gate.pk]
    assert ids(api(alice), "?search=%25") == []


def test_narrows_to_a_group(api, alice):
    group = CameraGroup.objects.create(name="North")
    factories.camera(owner=alice)
    inside = factories.camera(owner=alice)
    inside.group = group
    inside.save()
    client = api(alice)
    [shown] = listed(client, f"?group_id={group.pk}")["data"]
    assert (shown["id"], shown["group_id"]) == (inside.pk, group.pk)
    assert ids(client, f"?group_id={group.pk + 1}") == []


@pytest.mark.parametrize("status", ["empty", "initial", "inactive", "active"])
def test_narrows_to_the_status_each_camera_shows(api, alice, by_status, status):
    found = listed(api(alice), f"?statuses[]={status}")["data"]
    assert [(camera["id"], camera["status"]) for camera in found] == [(by_status[status], status)]


def test_narrows_to_one_of_several_statuses(api, alice, by_status):
    found = ids(api(alice), "?statuses[]=active&statuses[]=empty")
    assert sorted(found) == sorted([by_status["active"], by_status["empty"]])


def test_leaves_out_what_is_excluded(api, alice):
    first, second, third = (factories.camera(owner=alice).pk for _ in range(3))
    query = f"?exclude_ids[]={first}&exclude_ids[]={third}&exclude_ids[]={'9' * 30}"
    assert ids(api(alice), query) == [second]


# --- who may not, what is refused ---


def test_shows_each_user_what_they_may_watch(api, alice, bob, mallory, operator):
    mine = factories.camera(owner=alice)
    theirs = factories.camera(owner=mallory)
    public = factories.camera(is_public=True)
    blocked = factories.camera(is_public=True)
    factories.grant(alice, blocked, status="blocked")
    assert ids(api(alice)) == [mine.pk, public.pk]
    assert ids(api(bob)) == [public.pk, blocked.pk]
    assert ids(api(mallory)) == [theirs.pk, public.pk, blocked.pk]
    assert ids(api(operator)) == [mine.pk, theirs.pk, public.pk, blocked.pk]


def test_refuses_a_stranger(db):
    factories.camera(is_public=True)
    answer = APIClient().get(PATH)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


def test_names_every_wrong_key_at_once(api, alice):
    query = (
        "?group_id=x&statuses[]=active&statuses[]=lost&exclude_ids[]=1&exclude_ids[]=x"
        f"&search={'x' * 101}&page=0&per_page=101"
    )
    answer = api(alice).get(f"{PATH}{query}")
    assert answer.status_code == 422
    wrong = {"group_id", "statuses.1", "exclude_ids.1", "search", "page", "per_page"}
    assert set(answer.json()["errors"]) == wrong
    assert answer.json()["errors"]["statuses.1"] == [
        "Write one of: active, inactive, initial, empty."
    ]


@pytest.mark.parametrize(
    "query",
    [
        f"group_id={'9' * 5000}",
        "group_id=1.5",
        "search=%00",
        "&".join(["exclude_ids[]=1"] * 501),
        "page=x",
    ],
)
def test_refuses_a_wrong_value(api, alice, query):
    assert api(alice).get(f"{PATH}?{query}").status_code == 422


@pytest.mark.parametrize("group_id", ["-1", "0", "9223372036854775808", "9" * 400])
def test_finds_nothing_in_a_group_no_database_can_hold(api, alice, group_id):
    factories.camera(owner=alice)
    assert ids(api(alice), f"?group_id={group_id}") == []


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_is_there_to_be_read_only(api, alice, method):
    assert getattr(api(alice), method)(PATH).status_code == 405
