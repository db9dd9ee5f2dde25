"""The record of the Admin API beside the documented one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cameras.models import Camera, CameraGroup, Stream
from downloads.models import Download
from tests import factories

PATH = "/api/admin/v1/downloads"
SAMPLE = json.loads((Path(__file__).parent / "video_generation.json").read_text())
ADDED_TO_STREAM = {"has_sound", "width", "height"}


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
def documented(operator) -> Download:
    """The rows behind the documented record."""
    stream, camera = SAMPLE["stream"], SAMPLE["stream"]["camera"]
    CameraGroup.objects.create(pk=camera["group_id"], name="Yard")
    Camera.objects.create(
        pk=camera["id"],
        name=camera["name"],
        group_id=camera["group_id"],
        created_at=instant(camera["created_at"]),
    )
    made = Stream.objects.create(
        pk=stream["id"],
        camera_id=camera["id"],
        uuid=stream["uuid"],
        url=stream["url"],
        created_at=instant(stream["created_at"]),
    )
    Stream.objects.update(updated_at=instant(stream["updated_at"]))
    begin, end = (
        datetime.strptime(SAMPLE[key], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        for key in ("from", "to")
    )
    job = factories.job(stream=made, begin=begin, seconds=(end - begin).total_seconds())
    download = factories.download(
        operator,
        job=factories.finish(job),
        name=SAMPLE["name"],
        created_at=instant(SAMPLE["created_at"]),
    )
    Download.objects.update(updated_at=instant(SAMPLE["updated_at"]))
    return download


def test_shows_the_documented_record_as_documented(api, operator, documented):
    record = api(operator).get(f"{PATH}/{documented.pk}").json()

    ours = {key: record[key] for key in SAMPLE}
    assert ours["url"].startswith("http://testserver/storage/")
    assert ours["stream"]["url"] == "rtsp://"
    # A stream with an address is recorded here, which the sample leaves to a setting of its own.
    assert ours["stream"]["camera"]["is_archive_recording"] is True
    assert ours["stream"].keys() - SAMPLE["stream"].keys() == ADDED_TO_STREAM
    expected = {**SAMPLE, "url": ours["url"]}
    expected["stream"] = {
        **SAMPLE["stream"],
        **{key: ours["stream"][key] for key in ADDED_TO_STREAM},
        "url": "rtsp://",
        "camera": {**SAMPLE["stream"]["camera"], "is_archive_recording": True},
    }
    assert ours == expected
    assert not any(type(ours[key]) is not type(SAMPLE[key]) for key in SAMPLE)


def test_gives_numbers_where_numbers_are_documented_and_truth_values_elsewhere(
    api, operator, documented
):
    stream = api(operator).get(f"{PATH}/{documented.pk}").json()["stream"]

    for ours, shown in ((stream, SAMPLE["stream"]), (stream["camera"], SAMPLE["stream"]["camera"])):
        assert {key: type(ours[key]) for key in shown} == {
            key: type(value) for key, value in shown.items()
        }


def test_has_every_key_of_the_clients_record(api, alice, operator, yard):
    download = factories.ready_download(alice, stream=yard.streams.get())
    path = f"v1/downloads/{download.pk}"
    theirs = api(alice).get(f"/api/{path}").json()
    ours = api(operator).get(f"/api/admin/{path}").json()

    assert ours.keys() == theirs.keys()
    assert ours["stream"].keys() > theirs["stream"].keys()
    differing = {key for key in theirs if ours[key] != theirs[key]}
    assert differing == {"stream", "user"}
    assert {**theirs["stream"], **ours["stream"]} == ours["stream"]
    assert ours["user"] == {**theirs["user"], "access_token_id": None}


def test_fills_in_what_is_known(api, alice, operator):
    camera = factories.camera(owner=alice, is_public=True)
    camera.archive_storage_days = 30
    camera.save()
    stream = factories.stream(
        camera,
        url="rtsp://10.0.0.7:554/h264",
        status="active",
        width=1920,
        height=1080,
        has_sound=True,
        is_enabled=False,
        disconnections_count=3,
    )
    download = factories.download(alice, job=factories.job(stream=stream))

    record = api(operator).get(f"{PATH}/{download.pk}").json()["stream"]

    assert (record["status"], record["resolution"], record["ip"]) == (
        "active",
        "1920x1080",
        "10.0.0.7",
    )
    assert (record["is_enabled"], record["condition"]) == (False, "inactive")
    assert record["disconnections_count"] == 3
    shown = record["camera"]
    assert (shown["status"], shown["is_public"], shown["archive_storage_days"]) == ("active", 1, 30)
    assert (shown["ip"], shown["is_archive_recording"], shown["group_id"]) == (
        "10.0.0.7",
        False,
        None,
    )


def test_keeps_the_record_of_a_camera_that_is_gone(api, alice, operator, yard):
    download = factories.download(alice, job=factories.job(stream=yard.streams.get()))
    yard.delete()

    answer = api(operator).get(f"{PATH}/{download.pk}")

    assert answer.status_code == 200
    assert answer.json()["stream"] is None
