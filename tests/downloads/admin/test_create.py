"""POST /api/admin/v1/downloads"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.models import Download
from downloads.notifications import announce
from exports.models import ExportJob
from tests import factories
from tests.factories import BEGIN, order_body
from vms.accounts.models import Session
from vms.push.models import Event

PATH = "/api/admin/v1/downloads"
ONE_TARGET = ["Send exactly one of camera_id, stream_id and ids."]


def body_for(**target):
    return {key: value for key, value in order_body().items() if key != "ids"} | target


def post(client, body):
    return client.post(PATH, body, format="json")


def errors(answer):
    assert answer.status_code == 422, answer.content
    assert answer.json()["message"] == "The given data was invalid."
    return answer.json()["errors"]


def nothing_made():
    return not Download.objects.exists() and not ExportJob.objects.exists()


@pytest.fixture
def both(alice):
    """A camera of alice with footage of a high and a low stream."""
    camera = factories.recorded(owner=alice)
    factories.segment(factories.stream(camera, type="low"), seconds=600)
    return camera


def test_answers_one_object_for_a_camera(api, operator, yard):
    answer = post(api(operator), body_for(camera_id=yard.pk))

    assert answer.status_code == 200, answer.content
    record = answer.json()
    download = Download.objects.get()
    assert (record["id"], record["user_id"]) == (download.pk, operator.pk)
    assert (record["status"], record["url"], record["is_file_exists"]) == ("queued", None, False)
    assert (record["from"], record["to"]) == ("2023-03-10 10:20:00", "2023-03-10 10:21:00")
    assert record["stream"]["camera"]["id"] == yard.pk
    assert record["user"]["access_token_id"] == Session.objects.get().pk


@pytest.mark.parametrize("kind", ["high", "low"])
def test_takes_the_very_stream_that_is_named(api, operator, both, kind):
    stream = both.streams.get(type=kind)

    record = post(api(operator), body_for(stream_id=stream.pk)).json()

    assert (record["stream"]["id"], record["stream"]["type"]) == (stream.pk, kind)
    assert Download.objects.get().stream == stream


def test_answers_an_array_for_ids_in_the_order_asked(api, alice, operator):
    cameras = [factories.recorded(owner=alice, name=name) for name in ("One", "Two", "Three")]
    asked = [cameras[2], cameras[0], cameras[1]]

    records = post(api(operator), order_body(*asked)).json()

    assert [record["stream"]["camera"]["name"] for record in records] == ["Three", "One", "Two"]


def test_answers_an_array_for_ids_of_one_camera(api, operator, yard):
    assert len(post(api(operator), order_body(yard)).json()) == 1


@pytest.mark.parametrize("absent", ["stream_id", "ids"])
def test_takes_null_for_absent(api, operator, yard, absent):
    record = post(api(operator), body_for(camera_id=yard.pk, **{absent: None})).json()

    assert record["stream"]["camera_id"] == yard.pk


def test_takes_the_options_of_clients(api, operator, both):
    body = body_for(
        camera_id=both.pk, stream="low", format="mkv", cut="keyframe", gaps="fail", transcode=True
    )

    record = post(api(operator), body).json()

    job = ExportJob.objects.get()
    assert (record["stream"]["type"], record["type"], record["cut"]) == ("low", "mkv", "keyframe")
    assert (job.container, job.cut, job.gaps, job.transcode) == ("mkv", "keyframe", "fail", True)


def test_shares_the_file_of_a_client(api, alice, operator, yard):
    api(alice).post("/api/v1/downloads", order_body(yard), format="json")
    post(api(operator), body_for(camera_id=yard.pk))

    assert Download.objects.count() == 2
    assert ExportJob.objects.count() == 1


def test_queues_the_job_only_once_the_rows_are_committed(
    api, operator, yard, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks:
        post(api(operator), body_for(camera_id=yard.pk))

    assert len(callbacks) == 1


def test_announces_the_file_to_the_session_that_ordered(api, operator, yard):
    post(api(operator), body_for(camera_id=yard.pk))
    download = Download.objects.get()
    factories.finish(download.job)

    announce(Download.objects.get(), timezone.now())

    event = Event.objects.get()
    session = Session.objects.get(user=operator)
    assert (event.user_id, event.session_id) == (operator.pk, session.pk)
    assert event.body["data"]["download"]["url"].startswith("http://testserver/storage/")


@pytest.mark.parametrize("cameras", [1, 8])
def test_reads_cameras_and_streams_at_once(api, operator, cameras, django_assert_max_num_queries):
    asked = [factories.recorded() for _ in range(cameras)]
    client = api(operator)
    # What each record costs is counted with those of clients; to show them all takes two.
    with django_assert_max_num_queries(500) as clients:
        client.post("/api/v1/downloads", order_body(*asked), format="json")
    Download.objects.all().delete()
    ExportJob.objects.all().delete()

    with django_assert_max_num_queries(len(clients) + 3):
        post(client, order_body(*asked))


# --- refused ---


def test_names_every_wrong_key_at_once(api, operator):
    body = {"from": "yesterday", "camera_id": "x", "cut": "fine"}

    assert set(errors(post(api(operator), body))) == {"from", "to", "camera_id", "cut"}
    assert nothing_made()


def test_refuses_an_order_of_nothing(api, operator):
    assert errors(post(api(operator), body_for())) == {"camera_id": ONE_TARGET}


def test_refuses_two_targets(api, operator, yard):
    body = body_for(camera_id=yard.pk, stream_id=yard.streams.get().pk)

    assert errors(post(api(operator), body)) == {"camera_id": ONE_TARGET, "stream_id": ONE_TARGET}
    both = body_for(camera_id=yard.pk, ids=[yard.pk])
    assert errors(post(api(operator), both)) == {"camera_id": ONE_TARGET, "ids": ONE_TARGET}
    assert nothing_made()


@pytest.mark.parametrize("key", ["camera_id", "stream_id"])
@pytest.mark.parametrize(
    "value", [0, -1, 999_999, 2**63, 2**200, "x", 1.5, True, [], [1], {}, {"id": 1}, ""]
)
def test_refuses_a_target_that_is_none(api, operator, yard, key, value):
    assert set(errors(post(api(operator), body_for(**{key: value})))) == {key}
    assert nothing_made()


@pytest.mark.parametrize(
    ("ids", "keys"), [([], {"ids"}), ("1", {"ids"}), ([999_999, "x"], {"ids.0", "ids.1"})]
)
def test_refuses_ids_as_for_clients(api, operator, ids, keys):
    assert set(errors(post(api(operator), body_for(ids=ids)))) == keys


def test_refuses_a_stream_without_footage_though_another_has_some(api, operator, yard):
    low = factories.stream(yard, type="low")

    assert errors(post(api(operator), body_for(stream_id=low.pk))) == {
        "stream_id": ["There is no recorded archive in this interval."]
    }
    assert nothing_made()


def test_refuses_a_camera_without_footage(api, operator, yard):
    later = order_body(yard, begin=BEGIN + timedelta(hours=1))
    body = {**later, "ids": None, "camera_id": yard.pk}

    assert set(errors(post(api(operator), body))) == {"camera_id"}


def test_refuses_a_kind_of_stream_beside_the_stream_itself(api, operator, yard):
    body = body_for(stream_id=yard.streams.get().pk, stream="high")

    assert set(errors(post(api(operator), body))) == {"stream"}


def test_refuses_more_files_in_progress_than_the_quota(api, operator, settings, yard):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_ACTIVE": 1}
    client = api(operator)
    assert post(client, body_for(camera_id=yard.pk)).status_code == 200

    body = body_for(camera_id=yard.pk, cut="keyframe")
    assert set(errors(post(client, body))) == {"camera_id"}


@pytest.mark.parametrize("body", [[], [1], "text", 7, None])
def test_refuses_a_body_that_is_no_object(api, operator, body):
    assert post(api(operator), body).status_code == 422


def test_answers_400_to_what_is_no_json(api, operator):
    answer = api(operator).post(PATH, "{from:", content_type="application/json")

    assert answer.status_code == 400
    assert set(answer.json()) == {"message"}
