"""POST /api/v1/cameras/archive"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from previews import signing
from tests import factories
from tests.factories import BEGIN
from vms.accounts.integration import make_token, revoke_tokens
from vms.accounts.models import IntegrationToken
from vms.api.dates import parse_zoned_time

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/cameras/archive"
INVALID = "The given data was invalid."


@pytest.fixture
def yard(alice):
    """Ten minutes of alice's camera."""
    return factories.recorded(owner=alice)


def wire(seconds):
    return f"{BEGIN + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def one(camera, begin=0, end=60, **more):
    return {"uuid": str(camera.uuid), "from": wire(begin), "to": wire(end), **more}


def ask(client, *cameras, **more):
    return client.post(ADDRESS, {"cameras": list(cameras), **more}, format="json")


def errors_of(answer, status=422):
    assert answer.status_code == status, answer.json()
    assert answer.json()["message"] == INVALID
    return answer.json()["errors"]


def grant_of(link):
    return signing.read(link["url"].split("/")[-2], timezone.now())


def test_answers_one_link_for_each_camera_in_the_order_asked(api, alice):
    cameras = [factories.recorded(owner=alice, name=name) for name in "abc"]
    asked = [cameras[2], cameras[0], cameras[1], cameras[0]]

    answer = ask(api(alice), *[one(camera) for camera in asked])

    assert answer.status_code == 200
    assert [grant_of(link).camera for link in answer.json()] == [camera.uuid for camera in asked]
    for link in answer.json():
        assert set(link) == {"url", "expired_at", "at", "move_to"}
        assert link["url"].startswith("http://testserver/archive/")
        assert link["url"].endswith("/archive.mp4")
        assert (link["at"], link["move_to"]) == (f"{wire(0)[:-1]}.000000Z", None)


def test_leads_to_the_interval_asked_for(api, alice, yard):
    (link,) = ask(api(alice), one(yard, 30, 90), source="hls").json()

    grant = grant_of(link)
    assert (grant.begin, grant.end) == (
        BEGIN + timedelta(seconds=30),
        BEGIN + timedelta(seconds=90),
    )
    assert link["url"].endswith("/index.m3u8")


@pytest.mark.parametrize(("ttl", "seconds"), [(None, 300), (1, 1), ("100", 100), (86_400, 86_400)])
def test_works_for_as_long_as_asked(api, alice, yard, ttl, seconds):
    before = timezone.now()
    (link,) = ask(api(alice), one(yard), **({} if ttl is None else {"ttl": ttl})).json()

    expires_at = parse_zoned_time(link["expired_at"])
    assert timedelta(0) <= expires_at - before - timedelta(seconds=seconds) < timedelta(seconds=9)
    assert grant_of(link).expires_at == expires_at


@pytest.mark.parametrize("ttl", [0, -1, 86_401, "soon", 1.5, [], True])
def test_refuses_other_times_to_live(api, alice, yard, ttl):
    assert list(errors_of(ask(api(alice), one(yard), ttl=ttl))) == ["ttl"]


def test_moves_on_to_the_next_footage(api, alice):
    camera = factories.recorded(owner=alice, seconds=60)
    factories.segment(camera.streams.get(), begin=BEGIN + timedelta(seconds=300))

    early, inside, before_all = ask(
        api(alice), one(camera, 100, 200), one(camera, 290, 320), one(camera, -500, -400)
    ).json()

    assert early["at"] == early["move_to"] == f"{wire(300)[:-1]}.000000Z"
    assert grant_of(early).begin == BEGIN + timedelta(seconds=300)
    assert grant_of(early).end == BEGIN + timedelta(seconds=400)
    assert inside["move_to"] == early["move_to"]
    assert grant_of(inside).begin == BEGIN + timedelta(seconds=290)
    assert before_all["move_to"] == f"{wire(0)[:-1]}.000000Z"


def test_says_which_camera_has_no_footage(api, alice, yard):
    answer = ask(api(alice), one(yard), one(yard, 700, 800))

    assert errors_of(answer) == {
        "cameras.1.from": ["There is no recorded archive in this interval."]
    }


def test_reports_every_wrong_key_at_once(api, alice, mallory, yard):
    foreign = factories.recorded(owner=mallory)
    answer = ask(
        api(alice),
        one(yard),
        one(foreign),
        {"uuid": "none", "from": "2023-03-10", "to": wire(60)},
        one(yard, 60, 60, stream_type="middle"),
        {"uuid": str(yard.uuid), "from": wire(0)},
        "a camera",
        {**one(foreign), "to": wire(-60)},
        source="webm",
        ttl="soon",
    )

    assert {
        "cameras.1.uuid": ["There is no such camera."],
        "cameras.3.to": ["The end must be after the begin."],
        "cameras.4.to": ["This field is required."],
        "cameras.6.uuid": ["There is no such camera."],
        "cameras.6.to": ["The end must be after the begin."],
    }.items() <= (found := errors_of(answer)).items()
    assert set(found) - {
        "cameras.1.uuid",
        "cameras.3.to",
        "cameras.4.to",
        "cameras.6.uuid",
        "cameras.6.to",
    } == {"cameras.2.uuid", "cameras.2.from", "cameras.3.stream_type", "cameras.5", "source", "ttl"}


@pytest.mark.parametrize(
    "cameras", [None, [], {}, "all", [{}] * 31], ids=["none", "[]", "{}", "text", "31"]
)
def test_refuses_lists_that_are_none_or_too_long(api, alice, cameras):
    answer = api(alice).post(ADDRESS, {"cameras": cameras}, format="json")

    assert list(errors_of(answer)) == ["cameras"]


def test_refuses_bodies_that_are_no_object(api, alice):
    assert list(errors_of(api(alice).post(ADDRESS, [], format="json"))) == ["cameras"]


def test_refuses_the_future_and_too_long_intervals(api, alice, yard):
    answer = ask(api(alice), one(yard, 0, 86_401), {**one(yard), "to": "2099-01-01T00:00:00Z"})

    assert set(errors_of(answer)) == {"cameras.0.to", "cameras.1.to"}


def test_takes_the_stream_asked_for_or_the_best_with_footage(api, alice):
    camera = factories.camera(owner=alice)
    low = factories.stream(camera, type="low")
    factories.segment(low)
    high = factories.stream(camera, type="high")
    factories.segment(high, begin=BEGIN + timedelta(seconds=200))

    links = ask(
        api(alice),
        one(camera),
        one(camera, 200, 250),
        one(camera, 200, 250, stream_type="camera"),
        one(camera, 0, 60, stream_type="high"),
        one(camera, 0, 60, stream_type="low"),
    ).json()

    assert [grant_of(link).stream for link in links] == [
        stream.uuid for stream in (low, high, high, high, low)
    ]
    assert links[3]["move_to"] == f"{wire(200)[:-1]}.000000Z"


def test_gives_nobody_links_to_public_cameras_only(alice, yard):
    public = factories.recorded()
    public.is_public = True
    public.save()

    assert ask(APIClient(), one(public)).status_code == 200
    assert set(errors_of(ask(APIClient(), one(public), one(yard)))) == {"cameras.1.uuid"}


def test_refuses_tokens_that_are_wrong(yard):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Bearer wrong")

    answer = ask(client, one(yard))

    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


def test_takes_integration_tokens_for_links(alice, yard):
    now = timezone.now()
    client = APIClient()
    for scope, status in (("links", 200), ("downloads", 403)):
        _row, secret = make_token(alice, name=scope, scopes=[scope], expires_at=None, now=now)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        assert ask(client, one(yard)).status_code == status
    revoke_tokens(IntegrationToken.objects.all(), now)
    assert ask(client, one(yard)).status_code == 401


def test_says_that_a_camera_is_blocked(api, alice, yard):
    factories.grant(alice, yard, status="blocked")

    answer = ask(api(alice), one(yard))

    assert errors_of(answer, 403) == {"cameras.0.uuid": ["Access to this camera is blocked."]}


def test_asks_the_database_as_often_for_many_cameras_as_for_one(api, alice):
    cameras = [factories.recorded(owner=alice, name=str(number)) for number in range(30)]
    client = api(alice)
    counts = []
    for some in (cameras[:1], cameras):
        with CaptureQueriesContext(connection) as queries:
            assert ask(client, *[one(camera) for camera in some]).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8
