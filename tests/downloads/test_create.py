"""POST /api/v1/downloads"""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from cameras.timeline import Interval
from downloads import services
from downloads.models import Download
from downloads.serializers import order_of
from exports.models import ExportJob
from tests import factories
from tests.factories import BEGIN, order_body
from vms.accounts.models import Session
from vms.push.models import Event

PATHS = ("/api/v1/downloads", "/api/v1/users/downloads")
PATH = PATHS[0]
UNKNOWN = 999_999
# Far from what it takes, and from how long celery tries when it is let.
BEARABLE_SECONDS = 30


def post(client, body, path=PATH):
    return client.post(path, body, format="json")


def errors(answer):
    assert answer.status_code == 422, answer.content
    body = answer.json()
    assert set(body) == {"message", "errors"}
    assert body["message"] == "The given data was invalid."
    return body["errors"]


def nothing_made():
    return not Download.objects.exists() and not ExportJob.objects.exists()


@pytest.mark.parametrize("path", PATHS)
def test_answers_a_record_that_waits_for_its_file(api, alice, yard, path):
    answer = post(api(alice), order_body(yard), path)
    assert answer.status_code == 200
    [record] = answer.json()
    download = Download.objects.get()
    assert record["id"] == download.pk
    assert record["name"] == "Yard.20230310-102000-102100.mp4"
    assert (record["from"], record["to"]) == ("2023-03-10 10:20:00", "2023-03-10 10:21:00")
    assert (record["url"], record["is_file_exists"]) == (None, False)
    assert (record["status"], record["progress"], record["error"]) == ("queued", 0, None)
    assert (record["type"], record["cut"], record["user_id"]) == ("mp4", "exact", alice.pk)
    assert download.job.interval == Interval(BEGIN, BEGIN + timedelta(minutes=1))


def test_answers_one_record_per_camera_in_the_order_asked(api, alice):
    cameras = [factories.recorded(owner=alice, name=name) for name in ("One", "Two", "Three")]
    asked = [cameras[2], cameras[0], cameras[1]]
    records = post(api(alice), order_body(*asked)).json()
    assert [record["name"].split(".")[0] for record in records] == ["Three", "One", "Two"]
    ids = [record["id"] for record in records]
    assert ids == sorted(ids)


def test_keeps_the_session_that_ordered_and_the_host_of_its_links(api, alice, yard):
    post(api(alice), order_body(yard))
    download = Download.objects.get()
    assert download.session_id == Session.objects.get(user=alice).pk
    assert download.origin == "http://testserver"


def test_queues_the_job_only_once_the_rows_are_committed(
    api, alice, yard, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks:
        post(api(alice), order_body(yard))
    assert len(callbacks) == 1


def test_understands_offsets_and_fractions(api, alice, yard):
    body = {"from": "2023-03-10T13:20:00.5+03:00", "to": "2023-03-10T10:21:00Z", "ids": [yard.pk]}
    [record] = post(api(alice), body).json()
    assert record["from"] == "2023-03-10 10:20:00"
    assert ExportJob.objects.get().begin == BEGIN + timedelta(milliseconds=500)


def test_takes_the_high_stream_unless_told_otherwise(api, alice, yard):
    low = factories.stream(yard, type="low")
    factories.segment(low, seconds=600)
    client = api(alice)
    post(client, order_body(yard))
    post(client, order_body(yard, stream="low"))
    assert [one.stream.type for one in Download.objects.order_by("pk")] == ["high", "low"]


def test_takes_the_stream_that_has_footage(api, alice):
    camera = factories.camera(owner=alice)
    factories.stream(camera, type="high")
    low = factories.stream(camera, type="low")
    factories.segment(low)
    post(api(alice), order_body(camera))
    assert Download.objects.get().stream == low


def test_keeps_the_options(api, alice, yard):
    [record] = post(api(alice), order_body(yard, cut="keyframe", gaps="fail", format="mp4")).json()
    job = ExportJob.objects.get()
    assert (record["cut"], job.cut, job.gaps, job.container) == (
        "keyframe",
        "keyframe",
        "fail",
        "mp4",
    )


def test_serves_a_public_camera_to_anybody_signed_in(api, mallory):
    camera = factories.camera(is_public=True)
    factories.segment(factories.stream(camera))
    assert post(api(mallory), order_body(camera)).status_code == 200


# --- sharing ---


def test_shares_one_job_between_equal_requests(api, alice, bob, yard):
    factories.grant(bob, yard)
    first = post(api(alice), order_body(yard)).json()[0]
    second = post(api(bob), order_body(yard)).json()[0]
    assert first["id"] != second["id"]
    assert ExportJob.objects.count() == 1


@pytest.mark.parametrize("other", [{"seconds": 61}, {"cut": "keyframe"}, {"gaps": "keep"}])
def test_shares_nothing_between_different_requests(api, alice, yard, other):
    client = api(alice)
    post(client, order_body(yard))
    post(client, order_body(yard, **other))
    assert ExportJob.objects.count() == 2


def test_shares_a_file_that_is_there_for_three_hours_of_its_own(api, alice, bob, yard):
    factories.grant(bob, yard)
    post(api(alice), order_body(yard))
    earlier = timezone.now() - timedelta(hours=1)
    job = factories.finish(ExportJob.objects.get(), now=earlier)
    Download.objects.update(expires_at=job.expires_at, announced_at=earlier)

    [record] = post(api(bob), order_body(yard)).json()

    first, second = Download.objects.order_by("pk")
    assert (record["status"], record["is_file_exists"]) == ("ready", True)
    assert record["url"].startswith("http://testserver/storage/")
    assert second.secret in record["url"]
    assert first.secret not in record["url"]
    assert first.expires_at == earlier + timedelta(hours=3)
    assert second.expires_at > earlier + timedelta(hours=3, minutes=59)
    assert ExportJob.objects.get().expires_at == second.expires_at
    assert Event.objects.get().user_id == bob.pk


def test_makes_the_file_again_when_somebody_took_it_away(api, alice, yard, settings):
    client = api(alice)
    post(client, order_body(yard))
    old = factories.finish(ExportJob.objects.get())
    (settings.STORAGE_DIR / old.file).unlink()
    [record] = post(client, order_body(yard)).json()
    assert record["status"] == "queued"
    old.refresh_from_db()
    assert old.state == "expired"


def test_makes_a_file_with_gaps_again_and_leaves_the_old_one_to_others(api, alice, yard):
    client = api(alice)
    post(client, order_body(yard))
    old = factories.finish(ExportJob.objects.get(), gaps=[{"from": "a", "to": "b"}])
    [record] = post(client, order_body(yard)).json()
    assert record["status"] == "queued"
    old.refresh_from_db()
    assert old.state == "ready"


def test_makes_the_file_again_after_a_failure(api, alice, yard):
    client = api(alice)
    post(client, order_body(yard))
    factories.fail(ExportJob.objects.get())
    [record] = post(client, order_body(yard)).json()
    assert (record["status"], record["error"]) == ("queued", None)


# --- who may not ---


@pytest.mark.parametrize("path", PATHS)
def test_refuses_a_stranger(db, yard, path):
    answer = post(APIClient(), order_body(yard), path)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})
    assert answer["WWW-Authenticate"] == "Bearer"


def test_tells_an_unknown_camera_and_a_foreign_one_apart_by_nothing(api, mallory, yard):
    client = api(mallory)
    foreign = errors(post(client, order_body(yard)))
    unknown = errors(post(client, {**order_body(), "ids": [UNKNOWN]}))
    assert foreign == unknown == {"ids.0": ["There is no such camera."]}
    assert nothing_made()


def test_gives_a_sub_user_nothing_that_was_not_granted(api, bob, yard):
    assert "ids.0" in errors(post(api(bob), order_body(yard)))


def test_refuses_a_blocked_camera_with_403(api, alice, yard):
    factories.grant(alice, yard, status="blocked")
    answer = post(api(alice), order_body(yard))
    assert answer.status_code == 403
    assert answer.json() == {
        "message": "The given data was invalid.",
        "errors": {"ids.0": ["Access to this camera is blocked."]},
    }
    assert nothing_made()


def test_refuses_with_422_when_something_else_is_wrong_too(api, alice, yard):
    factories.grant(alice, yard, status="blocked")
    found = errors(post(api(alice), {"ids": [yard.pk, UNKNOWN], "from": "x"}))
    assert set(found) == {"from", "to", "ids.0", "ids.1"}


# --- what is refused ---


def test_names_every_missing_key(api, alice):
    assert set(errors(post(api(alice), {}))) == {"from", "to", "ids"}


def test_names_every_wrong_key_at_once(api, alice):
    body = {
        "from": "2023-02-30T00:00:00Z",
        "to": "yesterday",
        "ids": [],
        "stream": "middle",
        "format": "exe",
        "cut": "deep",
        "gaps": "mind",
    }
    assert set(errors(post(api(alice), body))) == set(body)
    assert nothing_made()


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        5,
        [],
        {},
        True,
        "2023-03-10",
        "2023-03-10T10:20:00",
        "2023-03-10T10:20Z",
        "2023-03-10 10:20:00",
        "2023-13-10T10:20:00Z",
        "2023-03-10T25:20:00Z",
        "0000-00-00T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "2023-03-10T10:20:00Z\n'; drop",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("key", ["from", "to"])
def test_refuses_what_is_no_instant(api, alice, yard, key, wrong):
    assert set(errors(post(api(alice), {**order_body(yard), key: wrong}))) == {key}


@pytest.mark.parametrize("seconds", [0, -60])
def test_refuses_an_end_that_is_not_after_the_begin(api, alice, yard, seconds):
    assert set(errors(post(api(alice), order_body(yard, seconds=seconds)))) == {"to"}


def test_refuses_an_end_in_the_future(api, alice, yard):
    tomorrow = timezone.now() + timedelta(days=1)
    found = errors(post(api(alice), order_body(yard, begin=tomorrow - timedelta(minutes=1))))
    assert any("future" in text for text in found["to"])


def test_refuses_an_interval_longer_than_the_most(api, alice, yard, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_SECONDS": 120}
    client = api(alice)
    assert set(errors(post(client, order_body(yard, seconds=121)))) == {"to"}
    assert post(client, order_body(yard, seconds=120)).status_code == 200


@pytest.mark.parametrize(
    ("ids", "keys"),
    [
        (None, {"ids"}),
        ("1", {"ids"}),
        (1, {"ids"}),
        ({}, {"ids"}),
        ([], {"ids"}),
        (["x"], {"ids.0"}),
        ([None], {"ids.0"}),
        ([1.5], {"ids.0"}),
        ([True], {"ids.0"}),
        ([[1]], {"ids.0"}),
        ([{"id": 1}], {"ids.0"}),
        ([0], {"ids.0"}),
        ([-1], {"ids.0"}),
        ([2**63], {"ids.0"}),
        ([-(2**70)], {"ids.0"}),
        ([2**200, UNKNOWN], {"ids.0", "ids.1"}),
        ([UNKNOWN, "x", "y"], {"ids.0", "ids.1", "ids.2"}),
    ],
)
def test_refuses_ids_that_name_no_camera(api, alice, ids, keys):
    assert set(errors(post(api(alice), {**order_body(), "ids": ids}))) == keys
    assert nothing_made()


def test_refuses_more_cameras_than_the_most(api, alice, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_CAMERAS": 2}
    cameras = [factories.recorded(owner=alice) for _ in range(3)]
    client = api(alice)
    assert set(errors(post(client, order_body(*cameras)))) == {"ids"}
    assert post(client, order_body(*cameras[:2])).status_code == 200


def test_refuses_a_camera_asked_for_twice(api, alice, yard):
    other = factories.recorded(owner=alice)
    assert set(errors(post(api(alice), order_body(yard, other, yard)))) == {"ids.2"}
    assert nothing_made()


def test_refuses_an_interval_without_footage(api, alice, yard):
    later = BEGIN + timedelta(minutes=10)
    found = errors(post(api(alice), order_body(yard, begin=later)))
    assert found == {"ids.0": ["There is no recorded archive in this interval."]}


def test_refuses_a_stream_without_footage_and_a_camera_without_streams(api, alice, yard):
    bare = factories.camera(owner=alice)
    assert set(errors(post(api(alice), order_body(yard, bare, stream="low")))) == {"ids.0", "ids.1"}


def test_makes_nothing_when_one_camera_of_many_is_wrong(api, alice, yard):
    second, bare = factories.recorded(owner=alice), factories.camera(owner=alice)
    assert set(errors(post(api(alice), order_body(yard, second, bare)))) == {"ids.2"}
    assert nothing_made()


def test_refuses_more_files_in_progress_than_the_quota(api, alice, bob, settings, yard):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_ACTIVE": 2}
    factories.grant(bob, yard)
    other = factories.recorded(owner=alice)
    client = api(alice)
    assert post(client, order_body(yard)).status_code == 200
    assert set(errors(post(client, order_body(yard, other, seconds=30)))) == {"ids"}
    assert post(client, order_body(other)).status_code == 200
    assert set(errors(post(client, order_body(yard, seconds=20)))) == {"ids"}
    assert post(api(bob), order_body(yard)).status_code == 200
    factories.finish(ExportJob.objects.first())
    assert post(client, order_body(yard, seconds=20)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_counts_the_other_of_two_orders_at_once(alice, settings, yard):
    """Both were found to be within the quota before either was written."""
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_ACTIVE": 1}
    now, start, said = timezone.now(), Barrier(2), []
    bodies = [order_body(yard, seconds=seconds) for seconds in (20, 30)]
    orders = [order_of(alice, body, now) for body in bodies]

    def place(order):
        start.wait()
        try:
            services.order_downloads(user=alice, session_id="", origin="", order=order, now=now)
            said.append("made")
        except services.InvalidData as error:
            said.extend(error.detail)
        connection.close()

    both = [Thread(target=place, args=(order,)) for order in orders]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(said) == ["ids", "made"]
    assert ExportJob.objects.count() == 1


@pytest.mark.parametrize("body", [[], [1], "text", 7, None])
def test_refuses_a_body_that_is_no_object(api, alice, body):
    assert post(api(alice), body).status_code == 422


def test_answers_400_to_what_is_no_json(api, alice):
    answer = api(alice).post(PATH, "{from:", content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == {"message"}


def test_answers_415_to_another_type_of_body(api, alice):
    answer = api(alice).post(PATH, "from=1", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415
    assert set(answer.json()) == {"message"}


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_answers_405_to_other_methods(api, alice, method):
    answer = getattr(api(alice), method)(PATH)
    assert answer.status_code == 405
    assert set(answer.json()) == {"message"}


# --- what breaks ---


@pytest.mark.django_db(transaction=True)
def test_answers_quickly_without_a_broker_and_leaves_the_job_queued(api, alice, yard, caplog):
    client = api(alice)
    began = time.monotonic()
    answer = post(client, order_body(yard))
    assert time.monotonic() - began < BEARABLE_SECONDS
    assert answer.status_code == 200
    assert answer.json()[0]["status"] == "queued"
    job = ExportJob.objects.get()
    assert (job.state, job.attempt) == ("queued", 0)
    assert "broker unreachable" in caplog.text


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("stream", "high, low"),
        ("format", "mp4, mov, mkv, ts, flv, asf, avi"),
        ("cut", "exact, keyframe, smart"),
        ("gaps", "collapse, keep, fail"),
    ],
)
def test_says_which_words_there_are(api, alice, yard, key, words):
    body = factories.order_body(yard, **{key: "<script>"})
    answer = api(alice).post("/api/v1/downloads", body, format="json")
    assert answer.status_code == 422
    assert answer.json()["errors"] == {key: [f"Write one of: {words}."]}
