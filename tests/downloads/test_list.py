"""GET /api/v1/downloads"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests import factories
from tests.factories import BEGIN
from vms.accounts.models import User
from vms.api.dates import wire_timestamp

PATHS = ("/api/v1/downloads", "/api/v1/users/downloads")
PATH = PATHS[0]


@pytest.fixture
def stream(yard):
    return yard.streams.get()


def listed(client, query="", path=PATH):
    answer = client.get(f"{path}{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(client, query=""):
    return [record["id"] for record in listed(client, query)["data"]]


def test_lists_mine_newest_first_then_by_id(api, alice, stream):
    hours = [3, 1, 2, 1]
    made = [
        factories.download(
            alice,
            job=factories.job(stream=stream),
            created_at=BEGIN - timedelta(hours=hour),
        ).pk
        for hour in hours
    ]
    assert ids(api(alice)) == [made[1], made[3], made[2], made[0]]


def test_shows_the_record_with_its_stream_and_user(api, alice, stream):
    stream.url = "rtsp://admin:hunter2@10.0.0.1/live"
    stream.save()
    download = factories.ready_download(alice, stream=stream)
    answer = api(alice).get(PATH)
    [record] = answer.json()["data"]
    assert record["attributes"] == []
    assert record["stream"]["id"] == stream.pk
    assert record["user"]["login"] == "alice"
    assert record["status"] == "ready"
    assert record["url"] == f"http://testserver/storage/{download.secret}/{download.name}"
    assert b"hunter2" not in answer.content


def test_shows_a_record_whose_camera_is_gone(api, alice, yard, stream):
    factories.ready_download(alice, stream=stream)
    yard.delete()
    [record] = listed(api(alice))["data"]
    assert record["stream"] is None
    assert record["is_file_exists"] is True


def test_keeps_the_record_after_the_file_is_gone(api, alice, stream):
    factories.ready_download(alice, stream=stream, now=timezone.now() - timedelta(hours=4))
    [record] = listed(api(alice))["data"]
    assert (record["status"], record["is_file_exists"], record["url"]) == ("expired", False, None)
    assert record["expires_at"] is None


@pytest.mark.parametrize("path", PATHS)
def test_pages_on_the_path_that_was_asked(api, alice, path):
    for _ in range(5):
        factories.download(alice, job=factories.job())
    body = listed(api(alice), "?per_page=2&page=2&search=Yard", path)
    base = f"http://testserver{path}?per_page=2&search=Yard&page="
    assert body["links"] == {
        "first": f"{base}1",
        "last": f"{base}3",
        "prev": f"{base}1",
        "next": f"{base}3",
    }
    meta = body["meta"]
    assert meta["path"] == f"http://testserver{path}"
    assert (meta["current_page"], meta["from"], meta["to"], meta["total"]) == (2, 3, 4, 5)
    assert [link["label"] for link in meta["links"]] == [
        "pagination.previous",
        "1",
        "2",
        "3",
        "pagination.next",
    ]


def test_answers_an_empty_envelope(api, alice):
    body = listed(api(alice))
    assert body["data"] == []
    assert (body["meta"]["last_page"], body["meta"]["from"], body["meta"]["to"]) == (1, None, None)
    assert body["meta"]["per_page"] == 25


def test_answers_no_rows_past_the_end(api, alice):
    factories.download(alice, job=factories.job())
    body = listed(api(alice), "?page=9")
    assert (body["data"], body["meta"]["current_page"], body["meta"]["total"]) == ([], 9, 1)


@pytest.mark.parametrize("rows", [1, 40])
def test_asks_the_database_as_often_for_many_rows_as_for_few(
    api, alice, stream, rows, django_assert_max_num_queries
):
    for _ in range(rows):
        factories.ready_download(alice, stream=stream)
    client = api(alice)
    with django_assert_max_num_queries(8):
        assert len(listed(client, "?per_page=100")["data"]) == rows


# --- filters ---


def test_narrows_to_when_records_were_created_both_ends_included(api, alice):
    client = api(alice)
    made = [
        factories.download(alice, job=factories.job(), created_at=BEGIN + timedelta(hours=hour)).pk
        for hour in range(4)
    ]
    at = [f"{BEGIN + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" for hour in range(4)]
    assert ids(client, f"?from={at[1]}&to={at[2]}") == [made[2], made[1]]
    assert ids(client, f"?from={at[3]}") == [made[3]]
    assert ids(client, f"?to={at[0]}") == [made[0]]
    assert ids(client, "?from=&to=") == made[::-1]
    assert ids(client, "?from=2023-03-10T16:20:00+03:00") == [made[3]]
    assert ids(client, f"?from={quote('2023-03-10T16:20:00+03:00')}") == [made[3]]


def test_finds_the_moment_a_record_itself_shows(api, alice):
    download = factories.download(alice, job=factories.job())
    moment = wire_timestamp(download.created_at)
    assert ids(api(alice), f"?from={moment}&to={moment}") == [download.pk]


def test_narrows_to_cameras(api, alice):
    cameras = [factories.recorded(owner=alice) for _ in range(3)]
    made = [
        factories.download(alice, job=factories.job(stream=one.streams.get())).pk for one in cameras
    ]
    client = api(alice)
    assert ids(client, f"?ids[]={cameras[0].pk}") == [made[0]]
    both = f"?ids[]={cameras[0].pk}&ids[]={cameras[2].pk}"
    assert sorted(ids(client, both)) == [made[0], made[2]]


def test_narrows_to_a_part_of_the_name(api, alice):
    gate = factories.download(alice, job=factories.job(), camera_name="North gate")
    factories.download(alice, job=factories.job(), camera_name="Yard")
    assert ids(api(alice), "?search=GATE") == [gate.pk]


def test_narrows_to_the_status_each_record_shows(api, alice, bob):
    now = timezone.now()
    shared = factories.finish(factories.job())
    made = {
        "queued": factories.download(alice, job=factories.job()),
        "in progress": factories.download(alice, job=factories.job(state="running")),
        "ready": factories.download(alice, job=shared, expires_at=shared.expires_at),
        "failed": factories.download(alice, job=factories.fail(factories.job())),
        "cancelled": factories.download(
            alice, job=factories.job(state="running"), cancelled_at=now
        ),
        "expired": factories.download(alice, job=factories.job(state="expired")),
    }
    past = factories.download(alice, job=shared, expires_at=now - timedelta(minutes=1))
    client = api(alice)
    for status, download in made.items():
        found = listed(client, f"?status={quote(status)}")["data"]
        wanted = {download.pk, past.pk} if status == "expired" else {download.pk}
        assert {record["id"] for record in found} == wanted
        assert {record["status"] for record in found} == {status}


# --- who may not, what is refused ---


def test_shows_each_user_only_their_own(api, alice, bob, mallory, operator):
    theirs = {
        user: factories.download(user, job=factories.job()).pk for user in (alice, bob, mallory)
    }
    for user, download_id in theirs.items():
        assert ids(api(user)) == [download_id]
    assert ids(api(operator)) == []


@pytest.mark.parametrize("path", PATHS)
def test_shows_a_parent_the_records_of_a_sub_user_who_is_named(api, alice, bob, path):
    own, theirs = (factories.download(user, job=factories.job()).pk for user in (alice, bob))
    client = api(alice)
    [record] = listed(client, f"?user_id={bob.pk}", path)["data"]
    assert (record["id"], record["user_id"], record["user"]["login"]) == (theirs, bob.pk, "bob")
    assert record["user"]["access_token_id"] is None
    assert [one["id"] for one in listed(client, f"?user_id={alice.pk}", path)["data"]] == [own]
    assert [one["id"] for one in listed(client, "?user_id=", path)["data"]] == [own]


def test_lets_a_parent_only_look(api, alice, bob):
    download = factories.ready_download(bob)
    client = api(alice)
    assert client.get(f"{PATH}/{download.pk}").status_code == 404
    assert client.delete(f"{PATH}/{download.pk}").status_code == 404
    assert client.post(f"{PATH}/{download.pk}/repeat").status_code == 404
    assert client.post(f"{PATH}/{download.pk}/cancel").status_code == 404


def test_refuses_users_who_are_nobodys_sub_user_as_unknown_ones(api, alice, bob, mallory):
    grandchild = User.objects.create_user("carol", parent=bob)
    answers = [
        api(asking).get(f"{PATH}?user_id={asked}")
        for asking, asked in [
            (bob, alice.pk),
            (mallory, bob.pk),
            (alice, mallory.pk),
            (alice, grandchild.pk),
            (alice, 999_999),
        ]
    ]
    assert {answer.status_code for answer in answers} == {422}
    errors = {"user_id": ["There is no such user."]}
    assert [answer.json()["errors"] for answer in answers] == [errors] * 5


@pytest.mark.parametrize("rows", [1, 40])
def test_asks_the_database_as_often_for_a_sub_user(
    api, alice, bob, stream, rows, django_assert_max_num_queries
):
    for _ in range(rows):
        factories.ready_download(bob, stream=stream)
    client = api(alice)
    with django_assert_max_num_queries(8):
        assert len(listed(client, f"?per_page=100&user_id={bob.pk}")["data"]) == rows


@pytest.mark.parametrize("path", PATHS)
def test_refuses_a_stranger(db, path):
    answer = APIClient().get(path)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


def test_names_every_wrong_key_at_once(api, alice):
    query = "?from=x&to=2023-03-10&status=lost&user_id=x&ids[]=a&ids[]=1&page=0&per_page=101"
    answer = api(alice).get(f"{PATH}{query}")
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {
        "from",
        "to",
        "status",
        "user_id",
        "ids.0",
        "page",
        "per_page",
    }


@pytest.mark.parametrize(
    "query",
    [
        "ids[]=9223372036854775808",
        f"ids[]={'9' * 400}",
        f"search={'x' * 101}",
        "search=%00",
        "user_id=0",
        "user_id=9223372036854775808",
        "user_id=%00",
        "page=-1",
        "page=x",
        "page=",
        "per_page=0",
        "page=99999999999999999999",
    ],
)
def test_refuses_a_wrong_value(api, alice, query):
    assert api(alice).get(f"{PATH}?{query}").status_code == 422
