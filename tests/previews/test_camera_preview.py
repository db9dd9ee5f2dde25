"""GET /api/v1/cameras/{id}/preview"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from previews import preview_links, signing
from tests import factories
from tests.factories import BEGIN

pytestmark = pytest.mark.django_db


@pytest.fixture
def camera(alice):
    return factories.recorded(owner=alice)


def grant_of(link):
    return signing.read(link["url"].split("/")[-2], timezone.now())


def wire(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def of_camera(camera):
    return f"/api/v1/cameras/{camera.pk}/preview"


def test_gives_the_link_of_one_camera(api, alice, camera):
    answer = api(alice).get(of_camera(camera))

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"preview", "is_need_token", "expired_at", "at", "move_to"}
    assert body["is_need_token"] is False
    grant = grant_of({"url": body["preview"]})
    assert (grant.begin, grant.source, grant.options) == (None, "mp4", ())


def test_gives_the_link_of_one_moment_to_be_saved(api, alice, camera):
    query = {"date": "2023-03-10T10:20:05+00:00", "download": "true", "source": "jpg", "ttl": "9"}

    body = api(alice).get(of_camera(camera), query).json()

    grant = grant_of({"url": body["preview"]})
    assert grant.begin == BEGIN + timedelta(seconds=5)
    assert (grant.source, grant.option(preview_links.DOWNLOAD)) == ("jpg", "1")
    assert body["at"] == "2023-03-10T10:20:05.000000Z"


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ({"date": "yesterday"}, "date"),
        ({"date": "2099-01-01T00:00:00Z"}, "date"),
        ({"date": "2025-01-01T00:00:00Z"}, "date"),
        ({"download": "perhaps"}, "download"),
        ({"source": "png"}, "source"),
        ({"ttl": "0"}, "ttl"),
        ({"stream_type": "low"}, "stream_type"),
    ],
)
def test_says_what_is_wrong_with_the_query(api, alice, camera, query, key):
    answer = api(alice).get(of_camera(camera), query)

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [key]


def test_somebody_elses_camera_looks_like_none(api, mallory, camera):
    client = api(mallory)

    for path in (of_camera(camera), "/api/v1/cameras/999999/preview"):
        assert client.get(path).status_code == 404
    assert client.get(f"/api/v1/cameras/{'9' * 50}/preview").status_code == 404


def test_blocked_access_to_the_one_camera_is_told(api, alice, camera):
    factories.grant(alice, camera, status="blocked")

    answer = api(alice).get(of_camera(camera))

    assert answer.status_code == 403
    assert answer.json()["errors"] == {"id": ["Access to this camera is blocked."]}


def test_strangers_see_the_one_camera_if_it_is_public(camera):
    assert APIClient().get(of_camera(camera)).status_code == 401
    assert APIClient().get("/api/v1/cameras/999999/preview").status_code == 401
    camera.is_public = True
    camera.save()
    assert APIClient().get(of_camera(camera)).status_code == 200
