"""`POST /createarchivetask`: what it makes, and from what."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from downloads.models import Download
from exports.models import ExportJob
from exports.psim.models import ArchiveTask
from tests import factories
from tests.factories import BEGIN
from tests.psim.conftest import basic


def asked():
    task = ArchiveTask.objects.get()
    return task.begin, task.end


def test_makes_a_download_of_the_caller(psim, alice, yard):
    answer = psim(alice).create(str(yard.pk), Format="avi").json()

    task = ArchiveTask.objects.get()
    assert str(task.task_id) == answer["ArchiveTaskId"]
    assert task.user == alice
    download = task.download
    assert (download.user, download.stream) == (alice, yard.streams.get())
    assert (download.begin, download.end) == (BEGIN, BEGIN + timedelta(seconds=60))
    assert (download.type, download.job.container) == ("avi", "avi")
    assert download.job.state == "queued"
    assert download.origin == "http://testserver"


def test_shares_the_job_of_the_same_order(psim, alice, mallory, yard):
    factories.grant(mallory, yard)
    first, second = psim(alice).task(yard), psim(mallory).task(yard)

    assert first != second
    assert ExportJob.objects.count() == 1
    assert Download.objects.count() == 2


@pytest.mark.parametrize("name", ["mp4", "avi", "flv", "mov", "asf", "MP4", " Avi "])
def test_makes_each_format_in_any_case(psim, alice, yard, name):
    assert psim(alice).create(str(yard.pk), Format=name).status_code == 200
    assert ExportJob.objects.get().container == name.strip().lower()


@pytest.mark.parametrize("absent", [..., None, ""])
def test_takes_the_operators_format_when_none_is_named(psim, alice, yard, settings, absent):
    psim(alice).create(str(yard.pk), Format=absent)
    settings.VMS = {**settings.VMS, "VMS_EXPORT_CONTAINER_FORMAT": "flv"}
    psim(alice).create(str(yard.pk), Format=absent)

    assert [job.container for job in ExportJob.objects.order_by("created_at")] == ["mp4", "flv"]


def test_knows_a_camera_by_all_its_names(psim, alice, yard):
    yard.external_id = "CAM-7 зал"
    yard.save()
    client = psim(alice)

    names = [yard.pk, str(yard.pk), f"{yard.pk:05}", float(yard.pk), str(yard.uuid)]
    names += [yard.uuid.hex, f"{{{yard.uuid}}}", str(yard.uuid).upper(), yard.external_id]
    for name in names:
        answer = client.create(name)
        assert answer.status_code == 200, name
        assert answer.json()["CameraId"] == name
        assert client.status(answer.json()["ArchiveTaskId"]).json()["CameraId"] == name
    assert {task.download.stream.camera for task in ArchiveTask.objects.all()} == {yard}


def test_means_the_operators_name_where_it_looks_like_another_ones_id(psim, alice, yard):
    other = factories.recorded(owner=alice, name="Gate")
    other.external_id = str(yard.pk)
    other.save()
    client = psim(alice)

    for name in (str(yard.pk), yard.pk):
        client.create(name)
    assert {task.download.stream.camera for task in ArchiveTask.objects.all()} == {other}


def test_takes_the_last_recorded_instant_for_an_end_that_is_left_out(psim, alice, yard):
    stream = yard.streams.get()
    # The one that begins last is not the one that ends last.
    factories.segment(stream, begin=BEGIN + timedelta(seconds=500), seconds=200)
    factories.segment(stream, begin=BEGIN + timedelta(seconds=650), seconds=10)

    answer = psim(alice).create(str(yard.pk), end=...)

    assert answer.status_code == 200
    assert asked() == (BEGIN, BEGIN + timedelta(seconds=700))
    assert answer.json()["To"] == "2023-03-10T10:31:40.000Z"


def test_an_end_that_was_left_out_stays_as_more_is_recorded(psim, alice, yard):
    client = psim(alice)
    task_id = client.create(str(yard.pk), end=None).json()["ArchiveTaskId"]
    factories.segment(yard.streams.get(), begin=BEGIN + timedelta(seconds=600))

    assert client.status(task_id).json()["To"] == "2023-03-10T10:30:00.000+00:00"


def test_takes_the_other_stream_where_the_high_one_has_ended(psim, alice, yard):
    low = factories.stream(yard, type="low")
    factories.segment(low, begin=BEGIN + timedelta(seconds=600), seconds=60)

    psim(alice).create(str(yard.pk), begin="2023-03-10T10:30:05Z", end=...)

    assert ArchiveTask.objects.get().download.stream == low
    assert asked()[1] == BEGIN + timedelta(seconds=660)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2023-03-10T10:20:01", 1),
        ("2023-03-10T10:20:01Z", 1),
        ("2023-03-10T10:20:01.5", 1.5),
        ("2023-03-10T10:20:01.50Z", 1.5),
        ("2023-03-10T10:20:01.500Z", 1.5),
        ("2023-03-10T10:20:01.5000Z", 1.5),
        ("2023-03-10T10:20:01.50000Z", 1.5),
        ("2023-03-10T10:20:01.500000Z", 1.5),
        ("2023-03-10T10:20:01.5000009Z", 1.5),
        ("2023-03-10T13:20:01.5+03:00", 1.5),
        ("2023-03-10T04:50:01-05:30", 1),
    ],
)
def test_reads_times_with_and_without_zone_and_fraction(psim, alice, yard, text, seconds):
    answer = psim(alice).create(str(yard.pk), begin=text)

    assert answer.json()["From"] == text
    assert asked()[0] == BEGIN + timedelta(seconds=seconds)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "text/plain", "", "a/b"])
def test_reads_json_whatever_the_headers_call_it(psim, alice, yard, kind):
    body = {"cameraid": str(yard.pk), "FROM": "2023-03-10T10:20:00", "to": "2023-03-10T10:21:00"}

    answer = psim(alice).client.generic(
        "POST", "/createarchivetask", json.dumps(body), content_type=kind, HTTP_ACCEPT="text/html"
    )

    assert answer.status_code == 200
    assert answer.json()["CameraId"] == str(yard.pk)


def test_skips_the_mark_that_windows_puts_before_a_text(psim, alice, yard):
    body = {"CameraId": str(yard.pk), "From": "2023-03-10T10:20:00", "To": "2023-03-10T10:21:00"}

    answer = psim(alice).client.generic(
        "POST", "/createarchivetask", json.dumps(body).encode("utf-8-sig")
    )

    assert answer.status_code == 200


def test_asks_the_database_as_often_whatever_is_there(
    psim, alice, yard, django_assert_max_num_queries
):
    client = psim(alice)
    for second in range(10, 20):
        factories.segment(yard.streams.get(), begin=BEGIN + timedelta(seconds=second))
        client.create(str(yard.pk), begin=f"2023-03-10T10:20:{second}Z")
    with django_assert_max_num_queries(22):
        client.create(str(yard.pk), begin="2023-03-10T10:20:09Z")


def test_a_password_with_a_colon_and_letters_of_all_scripts_is_one(psim, alice, yard):
    alice.set_password("pä:ß:зал")
    alice.save()
    client = psim()
    client.client.credentials(HTTP_AUTHORIZATION=basic("alice", "pä:ß:зал"))

    assert client.create(str(yard.pk)).status_code == 200
