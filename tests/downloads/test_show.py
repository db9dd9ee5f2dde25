"""GET /api/v1/downloads/{id}"""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from tests import factories

PATHS = ("/api/v1/downloads", "/api/v1/users/downloads")


@pytest.mark.parametrize("path", PATHS)
def test_shows_what_the_list_shows(api, alice, yard, path):
    download = factories.ready_download(alice, stream=yard.streams.get())
    client = api(alice)
    answer = client.get(f"{path}/{download.pk}")
    assert answer.status_code == 200
    assert answer.json() == client.get(path).json()["data"][0]


def test_names_the_session_that_asks_and_no_other(api, alice):
    download = factories.download(alice, job=factories.job())
    first, second = api(alice), api(alice)
    seen = [
        client.get(f"{PATHS[0]}/{download.pk}").json()["user"]["access_token_id"]
        for client in (first, second)
    ]
    assert len(set(seen)) == 2
    assert None not in seen


def test_says_why_there_is_no_file(api, alice):
    job = factories.fail(factories.job(), code="no_room", message="The server has no room left.")
    download = factories.download(alice, job=job)
    record = api(alice).get(f"{PATHS[0]}/{download.pk}").json()
    assert record["status"] == "failed"
    assert record["error"] == {"code": "no_room", "message": "The server has no room left."}
    assert (record["url"], record["is_file_exists"], record["sha256"]) == (None, False, None)


def test_shows_how_far_the_work_is(api, alice):
    download = factories.download(alice, job=factories.job(state="running", progress=40))
    record = api(alice).get(f"{PATHS[0]}/{download.pk}").json()
    assert (record["status"], record["progress"]) == ("in progress", 40)


def test_uses_the_public_address_in_links(api, alice, settings):
    settings.PUBLIC_URL = "https://vms.example.org"
    download = factories.ready_download(alice)
    record = api(alice).get(f"{PATHS[0]}/{download.pk}").json()
    assert record["url"].startswith("https://vms.example.org/storage/")


@pytest.mark.parametrize("path", PATHS)
def test_refuses_a_stranger(alice, path):
    download = factories.ready_download(alice)
    answer = APIClient().get(f"{path}/{download.pk}")
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


def test_answers_a_foreign_id_as_an_unknown_one(api, alice, bob, mallory, operator):
    download = factories.ready_download(alice)
    for user in (bob, mallory, operator):
        client = api(user)
        foreign = client.get(f"{PATHS[0]}/{download.pk}")
        unknown = client.get(f"{PATHS[0]}/{download.pk + 1000}")
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.content == unknown.content
        assert foreign.json() == {"message": "Not found."}


@pytest.mark.parametrize("download_id", ["0", "x", "-1", "1.5", "9" * 19, "9" * 30, "9" * 5000])
def test_answers_404_to_what_is_no_id(api, alice, download_id):
    answer = api(alice).get(f"{PATHS[0]}/{download_id}")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})
