"""POST /api/v1/downloads/estimate"""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cameras.archive.scanner import scan_folder
from cameras.models import Segment
from cameras.timeline import Interval
from downloads.models import Download
from exports.models import ExportJob
from exports.options import Options
from exports.planning import plan_export
from tests import factories
from tests.factories import BEGIN, order_body
from tests.footage import Footage
from vms.api.dates import wire_timestamp

PATHS = ("/api/v1/downloads/estimate", "/api/v1/users/downloads/estimate")
PATH = PATHS[0]
KEYS = [
    "camera_id",
    "stream_id",
    "name",
    "coverage",
    "gaps",
    "size",
    "duration",
    "codecs",
    "refusal",
]


def post(client, body, path=PATH):
    return client.post(path, body, format="json")


def estimates(client, body):
    answer = post(client, body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def span(begin, end):
    """Write an interval in seconds after BEGIN."""
    instants = (BEGIN + timedelta(seconds=one) for one in (begin, end))
    return dict(zip(("from", "to"), map(wire_timestamp, instants), strict=True))


def recorded(owner, *spans, name="Yard"):
    """Make a camera with a segment of 1000 bytes for each (begin, seconds) after BEGIN."""
    made = factories.camera(owner=owner, name=name)
    stream = factories.stream(made)
    for begin, seconds in spans:
        factories.segment(stream, begin=BEGIN + timedelta(seconds=begin), seconds=seconds)
    return made


def code(estimate):
    return estimate["refusal"] and estimate["refusal"]["code"]


@pytest.mark.parametrize("path", PATHS)
def test_tells_what_an_order_would_make_and_makes_nothing(api, alice, yard, path):
    answer = post(api(alice), order_body(yard), path)
    assert answer.status_code == 200
    [estimate] = answer.json()
    assert list(estimate) == KEYS
    assert estimate == {
        "camera_id": yard.pk,
        "stream_id": yard.streams.get().pk,
        "name": "Yard.20230310-102000-102100.mp4",
        "coverage": {"asked": span(0, 60), "delivered": span(0, 60), "gaps": []},
        "gaps": [],
        "size": 100,
        "duration": 60.0,
        "codecs": {"video": ["h264"], "audio": []},
        "refusal": None,
    }
    assert not Download.objects.exists()
    assert not ExportJob.objects.exists()


def test_counts_each_segment_by_the_part_that_is_asked_for(api, alice):
    camera = recorded(alice, (-30, 60), (30, 10), (40, 40), (100, 10))
    [estimate] = estimates(api(alice), order_body(camera, seconds=60))
    assert (estimate["size"], estimate["duration"]) == (500 + 1000 + 500, 60.0)


def test_lists_the_gaps(api, alice):
    camera = recorded(alice, (10, 10), (20.1, 9.9), (40, 10))
    [estimate] = estimates(api(alice), order_body(camera))
    gaps = [span(0, 10), span(30, 40), span(50, 60)]
    assert estimate["gaps"] == gaps
    assert estimate["coverage"] == {
        "asked": span(0, 60),
        "delivered": span(10, 50),
        "gaps": gaps,
    }


@pytest.mark.parametrize(("gaps", "duration"), [("collapse", 30.0), ("keep", 40.0)])
def test_counts_gaps_as_the_order_treats_them(api, alice, gaps, duration):
    camera = recorded(alice, (10, 20), (40, 10))
    [estimate] = estimates(api(alice), order_body(camera, gaps=gaps))
    assert (estimate["duration"], estimate["size"]) == (duration, 2000)


def test_counts_once_what_was_recorded_twice(api, alice):
    camera = recorded(alice, (0, 20), (10, 20), (12, 5))
    [estimate] = estimates(api(alice), order_body(camera))
    assert estimate["duration"] == 30.0
    assert estimate["size"] == round(3000 * 30 / 45)
    assert estimate["gaps"] == [span(30, 60)]


def test_names_the_codecs_in_the_order_they_come_up(api, alice):
    camera = recorded(alice, (0, 20), (20, 20), (40, 20))
    late = Segment.objects.filter(begin__gte=BEGIN + timedelta(seconds=20))
    Segment.objects.update(audio_codec="pcm_alaw")
    late.update(video_codec="av1", audio_codec="aac")
    [estimate] = estimates(api(alice), order_body(camera, transcode=True))
    assert estimate["codecs"] == {"video": ["h264", "av1"], "audio": ["pcm_alaw", "aac"]}
    assert estimate["refusal"] is None


def test_answers_each_camera_in_the_order_asked(api, alice):
    cameras = [recorded(alice, (0, 60), name=name) for name in ("One", "Two", "Three")]
    asked = [cameras[2], cameras[0], cameras[1]]
    found = estimates(api(alice), order_body(*asked))
    assert [one["camera_id"] for one in found] == [camera.pk for camera in asked]
    assert [one["size"] for one in found] == [1000, 1000, 1000]


def test_takes_the_stream_an_order_would_take(api, alice):
    camera = factories.camera(owner=alice)
    high, low = factories.stream(camera), factories.stream(camera, type="low")
    factories.segment(low)
    client = api(alice)
    assert estimates(client, order_body(camera))[0]["stream_id"] == low.pk
    [estimate] = estimates(client, order_body(camera, stream="high"))
    assert (estimate["stream_id"], code(estimate)) == (high.pk, "no_footage")


@pytest.mark.parametrize("cameras", [1, 8])
def test_asks_the_database_as_often_for_many_cameras_as_for_one(
    api, alice, cameras, django_assert_max_num_queries
):
    made = [recorded(alice, *((10 * n, 9) for n in range(6))) for _ in range(cameras)]
    client = api(alice)
    with django_assert_max_num_queries(11):
        assert len(estimates(client, order_body(*made))) == cameras


# --- why it would be refused ---


def test_says_so_when_nothing_is_recorded(api, alice, yard):
    empty = factories.camera(owner=alice)
    body = order_body(yard, empty, begin=BEGIN - timedelta(days=1))
    found = estimates(api(alice), body)
    assert [code(one) for one in found] == ["no_footage", "no_footage"]
    assert [one["stream_id"] for one in found] == [yard.streams.get().pk, None]
    assert found[0]["coverage"]["delivered"] is None
    assert len(found[0]["gaps"]) == 1
    assert (found[0]["size"], found[0]["duration"]) == (0, 0.0)
    assert found[0]["codecs"] == {"video": [], "audio": []}


def test_says_so_when_the_codec_changes(api, alice):
    camera = recorded(alice, (0, 20), (20, 20))
    Segment.objects.filter(begin__gt=BEGIN).update(video_codec="hevc")
    client = api(alice)
    [estimate] = estimates(client, order_body(camera))
    assert code(estimate) == "codec_change"
    assert "2023-03-10 10:20:20 UTC" in estimate["refusal"]["message"]
    assert code(estimates(client, order_body(camera, transcode=True))[0]) is None


def test_says_so_when_there_are_gaps_that_may_not_be(api, alice):
    camera = recorded(alice, (0, 20), (30, 30))
    client = api(alice)
    [estimate] = estimates(client, order_body(camera, gaps="fail"))
    assert code(estimate) == "gaps"
    assert "2023-03-10 10:20:20 UTC" in estimate["refusal"]["message"]
    assert code(estimates(client, order_body(camera))[0]) is None


def test_says_so_when_the_file_would_be_too_large(api, alice, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_BYTES": 999}
    large, small = recorded(alice, (0, 60)), recorded(alice, (0, 59), (59.5, 10))
    found = estimates(api(alice), order_body(large, small, seconds=59))
    assert [code(one) for one in found] == [None, "too_large"]


def test_says_so_when_too_many_are_in_progress(api, alice, yard, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_ACTIVE": 2}
    factories.download(alice, job=factories.job())
    other = recorded(alice, (0, 60))
    client = api(alice)
    assert code(estimates(client, order_body(yard))[0]) is None
    found = estimates(client, order_body(yard, other))
    assert [code(one) for one in found] == ["quota", "quota"]
    refused = client.post("/api/v1/downloads", order_body(yard, other), format="json")
    assert refused.json()["errors"]["ids"] == [found[0]["refusal"]["message"]]


def test_says_so_when_the_disk_has_no_room_for_all(api, alice, yard, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_RESERVE_BYTES": 0}
    others = [recorded(alice, (0, 60)) for _ in range(3)]
    free = shutil.disk_usage(settings.STORAGE_DIR).free
    Segment.objects.filter(stream__camera__in=others).update(size=free * 2 // 5)
    Segment.objects.filter(stream__camera=others[0]).update(size=2**62)
    client = api(alice)
    assert without_room(client, order_body(yard, *others)) == ["ids.1"]
    Segment.objects.filter(stream__camera=others[0]).update(size=free * 2 // 5)
    assert without_room(client, order_body(*others, yard)) == ["ids.2"]
    assert [code(one) for one in estimates(client, order_body(*others[:2], yard))] == [None] * 3


def without_room(client, body):
    """Ask for an estimate; gives the keys of what there is no room for."""
    refused = client.post("/api/v1/downloads/estimate", body, format="json")
    assert refused.status_code == 422
    errors = refused.json()["errors"]
    assert all("the server has room for" in message for [message] in errors.values())
    return list(errors)


def test_says_so_when_the_quota_of_the_storage_is_used_up(api, alice, yard, settings):
    client = api(alice)
    [expected] = estimates(client, order_body(yard))
    size = expected["size"]
    settings.VMS = {**settings.VMS, "VMS_STORAGE_QUOTA_BYTES": size}
    assert code(estimates(client, order_body(yard))[0]) is None
    kept = factories.ready_download(alice, content=b"x")
    assert without_room(client, order_body(yard)) == ["ids.0"]
    # What is only still there because no clean-up has come by is in nobody's way.
    ExportJob.objects.filter(pk=kept.job.pk).update(expires_at=timezone.now())
    assert code(estimates(client, order_body(yard))[0]) is None


def test_says_so_when_a_file_will_never_fit(api, alice, yard, settings):
    client = api(alice)
    [expected] = estimates(client, order_body(yard))
    settings.VMS = {**settings.VMS, "VMS_STORAGE_QUOTA_BYTES": expected["size"] - 1}
    assert code(estimates(client, order_body(yard))[0]) == "too_large"


# --- who may not, what is wrong ---


@pytest.mark.parametrize("path", PATHS)
def test_refuses_a_stranger(yard, path):
    assert post(APIClient(), order_body(yard), path).status_code == 401


def test_refuses_a_foreign_camera_as_an_unknown_one(api, mallory, yard):
    foreign = post(api(mallory), order_body(yard))
    unknown = post(api(mallory), {**order_body(yard), "ids": [999_999]})
    assert foreign.status_code == unknown.status_code == 422
    assert foreign.json() == unknown.json()


def test_refuses_a_blocked_camera(api, alice, yard):
    factories.grant(alice, yard, status="blocked")
    answer = post(api(alice), order_body(yard))
    assert (answer.status_code, list(answer.json()["errors"])) == (403, ["ids.0"])


def test_names_every_wrong_key_at_once(api, alice, yard):
    body = {"to": "x", "ids": [yard.pk, yard.pk, "a"], "cut": "rough", "gaps": 1}
    answer = post(api(alice), body)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"from", "to", "ids.1", "ids.2", "cut", "gaps"}


def test_takes_no_other_method(api, alice):
    assert api(alice).get(PATH).status_code == 405


# --- and how near it comes ---


@pytest.mark.ffmpeg
def test_comes_near_to_what_is_planned(api, alice, tmp_path):
    Footage().make(tmp_path / "recordings")
    camera = factories.camera(owner=alice)
    stream = factories.stream(camera)
    folder = factories.folder(stream, path=str(tmp_path / "recordings"))
    assert not scan_folder(folder, full=False, now=timezone.now()).skipped
    stream.segments.order_by("begin")[2].delete()
    stream.refresh_from_db()
    begin = Footage().begin + timedelta(seconds=1)
    interval = Interval(begin, begin + timedelta(seconds=16))
    plan, _paths = plan_export(stream, interval, Options(), lambda *work: work[2]())

    [estimate] = estimates(api(alice), order_body(camera, begin=begin, seconds=16))

    [gap] = estimate["gaps"]
    assert gap == {
        "from": wire_timestamp(plan.gaps[0].begin),
        "to": wire_timestamp(plan.gaps[0].end),
    }
    assert estimate["duration"] == pytest.approx(plan.duration.total_seconds(), abs=0.2)
    assert estimate["size"] == pytest.approx(plan.payload, rel=0.1)
