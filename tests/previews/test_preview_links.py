"""POST /api/v1/cameras/preview"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from previews import signing
from previews.preview_links import StrangersThrottle
from previews.signing import IssuedTo
from tests import factories
from tests.factories import BEGIN
from vms.accounts.integration import make_token
from vms.api.dates import wire_timestamp

pytestmark = pytest.mark.django_db

URL = "/api/v1/cameras/preview"
SAMPLE = Path(__file__).parent / "preview.json"
UNKNOWN = ["There is no such camera."]


@pytest.fixture
def camera(alice):
    return factories.recorded(owner=alice)


@pytest.fixture
def ask(api, alice):
    """Ask as alice; gives the answer."""
    client = api(alice)

    def ask(*cameras, **options):
        body = {"cameras": [item(one) for one in cameras], **options}
        return client.post(URL, body, format="json")

    return ask


def item(camera, **more):
    return camera if isinstance(camera, dict) else {"uuid": str(camera.uuid), **more}


def grant_of(link):
    return signing.read(link["url"].split("/")[-2], timezone.now())


def wire(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def token_for(user, *scopes):
    now = timezone.now()
    return make_token(user, name="wall", scopes=scopes, expires_at=None, now=now)


def bearer(secret):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


# --- the documented exchange -----------------------------------------------------------------


def test_answers_the_documented_request_as_documented(ask, camera):
    sample = json.loads(SAMPLE.read_text())
    request = sample["request"]
    request["cameras"][0]["uuid"] = str(camera.uuid)
    request["cameras"][0]["date"] = wire(BEGIN)

    answer = ask(*request.pop("cameras"), **request)

    assert answer.status_code == 200
    (ours,), (theirs,) = answer.json(), sample["answer"]
    assert set(theirs) <= set(ours)
    assert set(ours) - set(theirs) == {"at", "move_to"}
    assert re.fullmatch(r"https?://\S+\.mp4", ours["url"])
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    assert stamp.fullmatch(ours["expired_at"])
    assert stamp.fullmatch(theirs["expired_at"])


def test_a_link_is_signed_for_what_was_asked(ask, camera, alice):
    before = timezone.now()

    (link,) = ask(item(camera, date=wire(BEGIN)), source="jpg", ttl="100").json()

    grant = grant_of(link)
    assert (grant.kind, grant.source) == ("preview", "jpg")
    assert (grant.camera, grant.stream) == (camera.uuid, camera.streams.get().uuid)
    assert (grant.begin, grant.end) == (BEGIN, None)
    assert grant.issued_to is IssuedTo.SESSION
    assert grant.issuer == alice.sessions.get().pk
    assert wire_timestamp(grant.expires_at) == link["expired_at"]
    assert before <= grant.expires_at - timedelta(seconds=100) <= timezone.now()
    assert link["url"].endswith("/preview.jpg")


def test_keeps_the_order_asked(ask, alice):
    cameras = [factories.recorded(owner=alice, name=name) for name in "abcde"]
    order = [cameras[index] for index in (3, 0, 4, 3, 1)]

    links = ask(*order).json()

    assert [grant_of(link).camera for link in links] == [camera.uuid for camera in order]


def test_costs_as_many_queries_for_thirty_cameras_as_for_one(
    api, alice, django_assert_max_num_queries
):
    cameras = [factories.recorded(owner=alice, name=str(n)) for n in range(30)]
    dates = [BEGIN, BEGIN - timedelta(days=1), None]
    items = [
        item(camera, **({"date": wire(dates[n % 3])} if dates[n % 3] else {}))
        for n, camera in enumerate(cameras)
    ]
    client = api(alice)

    with django_assert_max_num_queries(8):
        answer = client.post(URL, {"cameras": items}, format="json")

    assert len(answer.json()) == 30


# --- which moment ---------------------------------------------------------------------------


def test_without_a_date_it_is_live(ask, camera):
    for one in (item(camera), item(camera, date=None)):
        (link,) = ask(one).json()
        assert grant_of(link).begin is None
        assert (link["at"], link["move_to"]) == (None, None)


def test_says_what_is_shown(ask, camera):
    at = BEGIN + timedelta(seconds=12.345678)

    (link,) = ask(item(camera, date=wire(at))).json()

    assert link["at"] == wire_timestamp(at)
    assert link["move_to"] is None


@pytest.mark.parametrize("early", [timedelta(seconds=1), timedelta(days=900)])
def test_moves_to_the_next_footage(ask, camera, early):
    (link,) = ask(item(camera, date=wire(BEGIN - early))).json()

    assert link["at"] == link["move_to"] == wire_timestamp(BEGIN)
    assert grant_of(link).begin == BEGIN


def test_moves_over_a_gap(ask, camera):
    later = BEGIN + timedelta(hours=1)
    factories.segment(camera.streams.get(), begin=later)

    (link,) = ask(item(camera, date=wire(BEGIN + timedelta(minutes=30)))).json()

    assert link["move_to"] == wire_timestamp(later)


def test_stays_where_the_last_picture_is_held_for_a_moment(ask, camera):
    end = BEGIN + timedelta(seconds=600)
    factories.segment(camera.streams.get(), begin=end + timedelta(milliseconds=80))
    at = end + timedelta(milliseconds=40)

    (link,) = ask(item(camera, date=wire(at))).json()

    assert (link["at"], link["move_to"]) == (wire_timestamp(at), None)


def test_shows_the_last_picture_while_the_next_segment_is_being_written(ask, camera):
    end = BEGIN + timedelta(seconds=600)

    (link,) = ask(item(camera, date=wire(end + timedelta(seconds=14)))).json()

    assert link["at"] == link["move_to"]
    assert grant_of(link).begin == end - timedelta(microseconds=1)


def test_says_where_nothing_was_recorded_any_more(ask, camera):
    late = wire(BEGIN + timedelta(hours=2))

    answer = ask(item(camera, date=wire(BEGIN)), item(camera, date=late))

    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "cameras.1.date": ["There is no footage at this time or later."]
    }


def test_takes_the_stream_that_has_footage(ask, alice):
    camera = factories.camera(owner=alice)
    high, low = (factories.stream(camera, type=kind) for kind in ("high", "low"))
    factories.segment(low)

    (archive, live) = ask(item(camera, date=wire(BEGIN)), item(camera)).json()

    assert grant_of(archive).stream == low.uuid
    assert grant_of(live).stream == high.uuid


@pytest.mark.parametrize("word", ["camera", None])
def test_any_stream_will_do_unless_one_is_named(ask, camera, word):
    (link,) = ask(item(camera, stream_type=word, date=wire(BEGIN))).json()

    assert grant_of(link).stream == camera.streams.get().uuid


def test_says_when_there_is_no_such_stream(ask, camera):
    answer = ask(item(camera, stream_type="low"), item(camera, stream_type="low", date=wire(BEGIN)))

    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "cameras.0.stream_type": ["The camera has no such stream."],
        "cameras.1.date": ["There is no footage at this time or later."],
    }


# --- what is wrong -----------------------------------------------------------------------------


def test_says_everything_that_is_wrong_at_once(ask, camera, mallory):
    foreign = factories.recorded(owner=mallory)

    answer = ask(
        item(camera, date="2023-03-10"),
        item(foreign),
        {"uuid": "no uuid"},
        {},
        item({"uuid": str(uuid4())}),
        item(camera, stream_type="wide", date=wire(timezone.now() + timedelta(hours=1))),
        source="png",
        ttl=0,
    )

    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert set(errors) == {
        "cameras.0.date",
        "cameras.1.uuid",
        "cameras.2.uuid",
        "cameras.3.uuid",
        "cameras.4.uuid",
        "cameras.5.stream_type",
        "cameras.5.date",
        "source",
        "ttl",
    }
    assert errors["cameras.1.uuid"] == errors["cameras.4.uuid"] == UNKNOWN
    assert errors["cameras.5.date"] == ["This is in the future."]


@pytest.mark.parametrize("ttl", ["abc", "", 0, -1, 86_401, 1.5, None, [], True, "1e3", 10**30])
def test_refuses_a_life_it_cannot_give(ask, camera, ttl):
    answer = ask(camera, ttl=ttl)

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["ttl"]


@pytest.mark.parametrize(("ttl", "seconds"), [(1, 1), ("100", 100), (86_400, 86_400)])
def test_takes_a_life_as_number_or_text(ask, camera, ttl, seconds):
    (link,) = ask(camera, ttl=ttl).json()

    left = grant_of_any(link).expires_at - timezone.now()
    assert timedelta(seconds=seconds - 60) < left <= timedelta(seconds=seconds)


def grant_of_any(link):
    return signing.read(link["url"].split("/")[-2], datetime(2000, 1, 1, tzinfo=UTC))


def test_a_link_lives_five_minutes_by_itself(ask, camera):
    (link,) = ask(camera).json()

    left = grant_of(link).expires_at - timezone.now()
    assert timedelta(seconds=240) < left <= timedelta(seconds=300)


@pytest.mark.parametrize(
    "body", [{}, {"cameras": []}, {"cameras": "all"}, {"cameras": {}}, [], "text", {"cameras": [1]}]
)
def test_refuses_a_body_without_cameras(api, alice, body):
    answer = api(alice).post(URL, body, format="json")

    assert answer.status_code == 422
    assert all(key.startswith("cameras") for key in answer.json()["errors"])


def test_refuses_more_than_thirty_cameras(ask, camera):
    assert ask(*[camera] * 30).status_code == 200

    answer = ask(*[camera] * 31)

    assert answer.status_code == 422
    assert answer.json()["errors"] == {"cameras": ["At most 30 cameras in one request."]}


# --- who ---------------------------------------------------------------------------------------


def test_strangers_get_public_cameras_only(camera):
    public = factories.camera(name="Square", is_public=True)
    factories.segment(factories.stream(public))

    answer = APIClient().post(URL, {"cameras": [item(public)]}, format="json")
    refused = APIClient().post(URL, {"cameras": [item(public), item(camera)]}, format="json")

    assert answer.status_code == 200
    grant = grant_of(answer.json()[0])
    assert (grant.issued_to, grant.issuer) == (IssuedTo.PUBLIC, "")
    assert refused.status_code == 422
    assert refused.json()["errors"] == {"cameras.1.uuid": UNKNOWN}


def test_a_wrong_token_is_refused_even_for_public_cameras():
    public = factories.camera(name="Square", is_public=True)

    for secret in ("vms_nobodys", "x.y.z"):
        answer = bearer(secret).post(URL, {"cameras": [item(public)]}, format="json")
        assert answer.status_code == 401
        assert answer.json() == {"message": "Unauthenticated."}


def test_programs_get_links_with_a_token_for_links(alice, camera):
    row, secret = token_for(alice, "links")

    (link,) = bearer(secret).post(URL, {"cameras": [item(camera)]}, format="json").json()

    grant = grant_of(link)
    assert (grant.issued_to, grant.issuer) == (IssuedTo.INTEGRATION, row.pk)


def test_programs_get_none_with_a_token_for_something_else(alice, camera):
    _row, secret = token_for(alice, "downloads")

    answer = bearer(secret).post(URL, {"cameras": [item(camera)]}, format="json")

    assert answer.status_code == 403


def test_a_blocked_camera_is_403_with_the_body_of_a_422(ask, alice, camera):
    factories.grant(alice, camera, status="blocked")

    answer = ask(camera)

    assert answer.status_code == 403
    assert answer.json()["errors"] == {"cameras.0.uuid": ["Access to this camera is blocked."]}


def test_strangers_are_held_to_some_links_a_minute(monkeypatch, alice, api):
    monkeypatch.setattr(StrangersThrottle, "limit", 2)
    public = factories.camera(name="Square", is_public=True)
    factories.stream(public)
    body = {"cameras": [item(public)]}

    answers = [APIClient().post(URL, body, format="json") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) > 0
    assert api(alice).post(URL, body, format="json").status_code == 200


def test_no_link_is_refused_in_a_way_that_tells_cameras_apart(api, mallory, camera):
    """Not by `date` either: a foreign camera is unknown whatever was recorded."""
    body = {
        "cameras": [item(camera, date=wire(BEGIN)), {"uuid": str(uuid4()), "date": wire(BEGIN)}]
    }

    errors = api(mallory).post(URL, body, format="json").json()["errors"]

    assert errors == {"cameras.0.uuid": UNKNOWN, "cameras.1.uuid": UNKNOWN}
