"""GET /api/v1/cameras/{id}/archive/link"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.models import Download
from exports.models import ExportJob
from previews import signing
from previews.archive_views import check
from previews.grants import Withdrawn
from tests import factories
from tests.downloads.conftest import broker, no_broker
from tests.factories import BEGIN
from vms.accounts.models import Session
from vms.accounts.services import end_session

__all__ = ["broker", "no_broker"]
pytestmark = pytest.mark.django_db
THICK = "thick-legal"
RECORDS = "/api/v1/downloads"


@pytest.fixture
def yard(alice):
    """Ten minutes of alice's camera."""
    return factories.recorded(owner=alice)


@pytest.fixture
def client(api, alice):
    return api(alice)


def ask(client, camera, begin=0, end=60, program=THICK, **more):
    wire = (f"{BEGIN + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ}" for at in (begin, end))
    query = dict(zip(("from", "to"), wire, strict=True)) | more
    client.credentials(**{**client._credentials, "HTTP_X_CLIENT": program})
    return client.get(f"/api/v1/cameras/{camera.pk}/archive/link", query)


def records(client, **query):
    return client.get(RECORDS, query).json()["data"]


def works(link):
    """Say whether the link may still be followed."""
    now = timezone.now()
    try:
        check(signing.read(link.split("/")[-2], now), now)
    except Withdrawn:
        return False
    return True


def test_gives_the_desktop_client_a_link_at_once(client, alice, yard):
    answer = ask(client, yard, 30, 90)

    assert answer.status_code == 200
    link = answer.json()["link"]
    grant = signing.read(link.split("/")[-2], timezone.now())
    assert (grant.begin, grant.end) == (
        BEGIN + timedelta(seconds=30),
        BEGIN + timedelta(seconds=90),
    )
    assert link.startswith("http://testserver/archive/")
    assert works(link)
    assert not ExportJob.objects.filter(state__in=ExportJob.SHARED).exists()


@pytest.mark.parametrize("program", [THICK, "web"])
def test_a_question_about_headers_leaves_nothing_behind(client, yard, program):
    client.credentials(**{**client._credentials, "HTTP_X_CLIENT": program})
    query = {"from": "2026-03-14T09:00:00Z", "to": "2026-03-14T09:01:00Z"}

    answer = client.head(f"/api/v1/cameras/{yard.pk}/archive/link", query)

    assert (answer.status_code, Download.objects.count()) == (405, 0)


def test_notes_the_link_in_the_history(client, yard, settings):
    link = ask(client, yard).json()["link"]

    [record] = records(client)
    assert (record["url"], record["is_file_exists"], record["status"]) == (link, True, "ready")
    assert record["name"] == "Yard.20230310-102000-102100.mp4"
    assert (record["from"], record["to"]) == ("2023-03-10 10:20:00", "2023-03-10 10:21:00")
    assert records(client, status="ready") == [record]
    assert records(client, status="expired") == []
    assert client.get(f"{RECORDS}/{record['id']}").json() == record
    expires_at = signing.read(link.split("/")[-2], timezone.now()).expires_at
    assert record["expires_at"] == f"{expires_at:%Y-%m-%dT%H:%M:%S.%fZ}"


def assert_dead(client, link):
    [record] = records(client)
    assert (record["url"], record["is_file_exists"], record["status"]) == (None, False, "expired")
    assert records(client, status="ready") == []
    assert records(client, status="expired") == [record]
    assert not works(link)


def test_dies_with_its_session(api, client, alice, yard):
    link = ask(client, yard).json()["link"]
    end_session(alice, Session.objects.get(user=alice).pk, timezone.now())

    assert_dead(api(alice), link)


def test_dies_when_the_camera_is_taken_away(client, alice, yard):
    link = ask(client, yard).json()["link"]
    factories.grant(alice, yard, status="blocked")

    assert_dead(client, link)


def test_dies_in_time(client, yard):
    ask(client, yard)
    Download.objects.update(expires_at=timezone.now())

    [record] = records(client)
    assert (record["url"], record["status"]) == (None, "expired")


def test_dies_with_its_record(client, yard):
    link = ask(client, yard).json()["link"]
    [record] = records(client)

    assert client.delete(f"{RECORDS}/{record['id']}").json() == {"status": "ok"}

    assert records(client) == []
    assert not works(link)


def test_can_be_made_a_file_of(client, yard):
    link = ask(client, yard).json()["link"]
    [record] = records(client)

    again = client.post(f"{RECORDS}/{record['id']}/repeat").json()

    assert (again["id"], again["status"], again["url"]) == (record["id"], "queued", None)
    assert not works(link)


def test_does_not_count_as_a_file_in_progress(client, yard, settings, monkeypatch):
    monkeypatch.setitem(settings.VMS, "VMS_EXPORT_MAX_ACTIVE", 0)

    assert ask(client, yard).status_code == 200
    assert ask(client, yard, program="").status_code == 422


def test_begins_a_download_for_others(client, yard):
    answer = ask(client, yard, program="web").json()

    assert answer["link"] is None
    assert answer["download"]["status"] == "queued"
    assert [record["id"] for record in records(client)] == [answer["download"]["id"]]


@pytest.mark.parametrize("program", [THICK, "web"])
def test_refuses_in_the_keys_of_the_query(client, yard, program):
    def errors(*asked, **more):
        answer = ask(client, yard, *asked, program=program, **more)
        assert answer.status_code == 422
        return answer.json()["errors"]

    assert set(errors(**{"from": "2023-03-10", "to": ""})) == {"from", "to"}
    assert set(errors(60, 60)) == {"to"}
    assert set(errors(stream="middle")) == {"stream"}
    assert errors(700, 800) == {"camera": ["There is no recorded archive in this interval."]}
    assert not Download.objects.exists()


def test_knows_no_camera_of_others(api, mallory, yard):
    for camera in (yard, factories.camera()):
        answer = ask(api(mallory), camera)
        assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})


def test_says_that_the_camera_is_blocked(client, alice, yard):
    factories.grant(alice, yard, status="blocked")

    answer = ask(client, yard)

    assert answer.status_code == 403
    assert answer.json()["errors"] == {"camera": ["Access to this camera is blocked."]}
