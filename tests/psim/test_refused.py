"""Orders that cannot be: the documented shape, the right status, and nothing is created."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.models import Download
from exports.models import ExportJob
from exports.psim.models import ArchiveTask
from tests import factories
from tests.psim.conftest import BEGIN, END, refused

SHAPE = ["CameraId", "From", "To", "ArchiveTaskId", "ErrorMessage", "State"]


def rows():
    return [model.objects.count() for model in (ArchiveTask, Download, ExportJob)]


@pytest.fixture(autouse=True)
def all_is_as_it_was(request, db):
    """See that a refusal creates nothing; tests that create something say how many rows."""
    yield
    expected = request.node.get_closest_marker("usefixtures")
    assert rows() == ([1, 1, 1] if expected and "one_task" in expected.args else [0, 0, 0])


@pytest.fixture
def one_task(psim, alice, yard):
    psim(alice).task(yard)


@pytest.mark.parametrize("value", [..., None, "", [], {}, True, [1]])
def test_a_camera_must_be_named(psim, alice, yard, value):
    assert "CameraId" in refused(psim(alice).create(value), 400)


@pytest.mark.parametrize(
    "value",
    ["0", 0, -1, 1.5, 1e300, 10**30, "999999999999999999999", "yard", "CAM:1", "\x00", "x" * 5000,
     "084b56a5-bd49-4327-82db-9bc911f7ff96", "\u0661", " "],
)  # fmt: skip
def test_a_camera_must_be_known(psim, alice, yard, value):
    answer = psim(alice).create(value)
    assert refused(answer, 404) == "There is no such camera."
    assert answer.json()["CameraId"] == value


def test_a_camera_of_somebody_else_looks_like_none(psim, mallory, yard):
    yard.external_id = "gate"
    yard.save()
    client = psim(mallory)
    unknown = refused(client.create("4711"), 404)
    for name in (yard.pk, str(yard.uuid), "gate"):
        assert refused(client.create(name), 404) == unknown


def test_an_id_that_means_another_camera_never_falls_back_to_ours(psim, mallory, yard):
    mine = factories.recorded(owner=mallory, name="Mine")
    yard.external_id = str(mine.pk)
    yard.save()
    refused(psim(mallory).create(mine.pk), 404)


def test_a_blocked_camera_says_so(psim, alice, yard):
    factories.grant(alice, yard, status="blocked")
    assert "blocked" in refused(psim(alice).create(yard.pk), 403)


@pytest.mark.parametrize("key", ["begin", "end"])
@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2023-03-10",
        "2023-03-10 10:20:00",
        "2023-03-10T10:20",
        "2023-03-10T10:20:00.",
        "2023-03-10T10:20:00.12345678Z",
        "2023-03-10T10:20:00ZZ",
        "2023-03-10T10:20:00+3",
        "2023-03-10T10:20:00 03:00",
        "2023-02-30T10:20:00Z",
        "2023-03-10T25:20:00Z",
        "2023-03-10T10:20:60Z",
        "2023-03-10T10:20:00+99:00",
        "0001-01-01T00:00:00+03:00",
        "9999-12-31T23:59:59-03:00",
        "2023-03-10T10:20:00Z\x00",
        "٢023-03-10T10:20:00Z",
        1678443600,
        True,
        ["2023-03-10T10:20:00Z"],
        {},
    ],
)
def test_a_time_must_be_one(psim, alice, yard, key, text):
    named = {"begin": "From", "end": "To"}[key]
    assert refused(psim(alice).create(yard.pk, **{key: text}), 400).startswith(named)


@pytest.mark.parametrize("value", [..., None, ""])
def test_a_begin_must_be_sent(psim, alice, yard, value):
    assert refused(psim(alice).create(yard.pk, begin=value), 400) == "From is missing."


@pytest.mark.parametrize("begin", [END, "2023-03-10T10:21:00.0000009", "2023-03-10T11:00:00Z"])
def test_the_end_must_be_after_the_begin(psim, alice, yard, begin):
    answer = psim(alice).create(yard.pk, begin=begin)
    assert refused(answer, 400) == "To must be after From."
    assert list(answer.json()) == SHAPE
    assert (answer.json()["From"], answer.json()["To"]) == (begin, END)


def test_the_end_must_not_be_still_to_come(psim, alice):
    now = timezone.now()
    camera = factories.recorded(owner=alice, begin=now - timedelta(minutes=1))
    later = now + timedelta(hours=1)
    answer = psim(alice).create(
        camera.pk, f"{now - timedelta(seconds=9):%Y-%m-%dT%H:%M:%SZ}", f"{later:%Y-%m-%dT%H:%M:%SZ}"
    )
    assert "future" in refused(answer, 400)


@pytest.mark.parametrize("end", [..., "2023-03-10T10:30:00Z"])
def test_an_interval_must_not_be_too_long(psim, alice, yard, settings, end):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_SECONDS": 540}
    assert "must not exceed 0.15 hours" in refused(psim(alice).create(yard.pk, end=end), 400)


@pytest.mark.parametrize("value", ["mkv", "ts", "exe", "m p4", "mp4,avi", "../mp4", 4, True, []])
def test_a_format_must_be_one_of_five(psim, alice, yard, value):
    message = refused(psim(alice).create(yard.pk, Format=value), 400)
    assert message == "Format must be one of mp4, avi, flv, mov, asf."


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2023-03-09T10:20:00Z", "2023-03-09T10:21:00Z"),
        ("2023-03-10T10:30:00Z", "2023-03-10T10:31:00Z"),
        ("2023-03-10T10:30:00Z", ...),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:01"),
    ],
)
def test_there_must_be_footage(psim, alice, yard, begin, end):
    assert "no recorded archive" in refused(psim(alice).create(yard.pk, begin, end), 404)


def test_a_camera_without_streams_has_no_footage(psim, alice):
    camera = factories.camera(owner=alice)
    for end in (END, ...):
        refused(psim(alice).create(camera.pk, end=end), 404)


@pytest.mark.parametrize(
    "text",
    ["", "{", "CameraId=1&From=2023", "null", "[]", '"x"', "1", "\xff", '{"CameraId": NaN}',
     '{"CameraId": 1e400}', '{"CameraId": "1", "From": -1e400}',
     "[" * 5000, '{"CameraId": "\\ud800"}', '{"CameraId": ' + "9" * 5000 + "}"],
)  # fmt: skip
def test_a_body_must_be_a_json_object(psim, alice, yard, text):
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
        answer = psim(alice).client.generic(
            "POST", "/createarchivetask", text.encode("latin-1"), content_type=kind
        )
        refused(answer, 400)
        assert list(answer.json()) == SHAPE


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_an_order_is_posted(psim, alice, yard, method):
    answer = getattr(psim(alice).client, method)("/createarchivetask")
    refused(answer, 405)
    assert answer["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_a_status_is_only_looked_at(psim, alice, method):
    address = "/getarchivetaskstatus?archivetaskid=084b56a5-bd49-4327-82db-9bc911f7ff96"
    answer = getattr(psim(alice).client, method)(address)
    refused(answer, 405)
    assert answer.json()["ArchiveTaskId"] == "084b56a5-bd49-4327-82db-9bc911f7ff96"


@pytest.mark.usefixtures("one_task")
def test_too_many_files_in_progress_are_refused(psim, alice, yard, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_ACTIVE": 1}
    answer = psim(alice).create(yard.pk, begin="2023-03-10T10:20:01Z")
    assert "in progress" in refused(answer, 429)
    assert int(answer["Retry-After"]) > 0


@pytest.mark.usefixtures("one_task")
def test_more_than_the_server_takes_is_refused_with_a_time(psim, alice, yard, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_QUEUED": 1}
    answer = psim(alice).create(yard.pk, begin="2023-03-10T10:20:01Z")
    assert "has all the work it can take" in refused(answer, 429)
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_servers_are_refused(psim, alice, yard, site):
    body = {"CameraId": yard.pk, "From": BEGIN, "To": END}
    foreign = {"Sec-Fetch-Site": site}
    client = psim(alice).client
    refused(client.post("/createarchivetask", body, format="json", headers=foreign), 403)
    refused(client.get("/token?expires_in=0", headers=foreign), 403)
    own = {"Sec-Fetch-Site": "same-origin"}
    refused(client.post("/createarchivetask", {}, format="json", headers=own), 400)
