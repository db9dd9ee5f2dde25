"""`GET /getarchivetaskstatus`: how a task is, at each moment of its life."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from downloads import services, tasks
from exports import states
from exports.models import ExportJob
from exports.psim.models import ArchiveTask
from exports.runner import run_next
from tests import factories
from tests.footage import Footage
from tests.psim.conftest import refused
from vms.push.models import Event


@pytest.fixture
def task_id(psim, alice, yard):
    return psim(alice).task(yard)


@pytest.fixture
def ask(psim, alice, task_id):
    """Ask for the status and pick the part that changes."""

    def ask(*keys):
        answer = psim(alice).status(task_id)
        assert answer.status_code == 200
        body = answer.json()
        return tuple(body[key] for key in keys or ("State", "Percents", "Url", "ErrorMessage"))

    return ask


def job():
    return ExportJob.objects.get()


def work(progress):
    """Let a worker take the job, or go on with it."""
    now = timezone.now()
    running = states.claim(job().pk, "worker", now) or job()
    states.beat(running, progress, now)


def give_back():
    assert states.give_back(job(), timezone.now())


def test_tells_how_it_goes_on(ask, task_id):
    assert ask() == ("Created", 0, None, "null")
    for percent in (0, 1, 50, 95):
        work(percent)
        assert ask() == ("InProgress", percent, None, "null")
    factories.finish(job())
    link = f"http://testserver/download?file={task_id}"
    assert ask() == ("ReadyForDownload", 100, link, "null")


def test_never_goes_back_when_another_attempt_begins(ask):
    work(70)
    assert ask("Percents") == (70,)
    give_back()
    assert ask("State", "Percents") == ("Created", 70)
    work(5)
    assert ask("State", "Percents") == ("InProgress", 70)
    work(90)
    assert ask("Percents") == (90,)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", ["mp4", "avi"])  # spliced; encoded anew
def test_moves_with_what_is_really_done(psim, alice, settings, monkeypatch, name):
    monkeypatch.setattr("exports.lease.BEAT_SECONDS", 0)
    footage = Footage(seconds=40, segment_seconds=1, gop=10)
    stream = factories.stream(factories.camera(owner=alice))
    footage.make(settings.ARCHIVE_DIR / str(stream.pk))
    scan_folder(factories.folder(stream), full=False, now=timezone.now())
    client = psim(alice)
    begin, end = "2026-03-14T09:26:00.500", "2026-03-14T09:26:39.500"
    made = client.create(stream.camera_id, begin, end, Format=name).json()
    shown = []

    def look(_job, _percent):
        shown.append(client.status(made["ArchiveTaskId"]).json()["Percents"])

    run_next("", look)

    assert shown == sorted(shown)
    assert len(set(shown)) > 3
    assert shown[-1] < 100
    assert client.status(made["ArchiveTaskId"]).json()["Percents"] == 100


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled"])
def test_shows_100_only_with_a_file(ask, state):
    ExportJob.objects.update(state=state, progress=100)
    assert ask("Percents", "Url") == (99, None)


def test_says_why_there_is_no_file(ask):
    work(30)
    factories.fail(job(), message="The archive is gone.")
    assert ask() == ("Error", 30, None, "The archive is gone.")


def test_says_that_the_operator_stopped_it(ask):
    states.cancel(job().pk, timezone.now())
    assert ask("State", "Url") == ("Error", None)
    assert "operator" in ask("ErrorMessage")[0]


def test_is_deleted_when_the_owner_cancels_or_deletes_the_download(ask):
    download = ArchiveTask.objects.get().download
    services.cancel(download, timezone.now())
    assert ask() == ("Deleted", 0, None, "The task was cancelled.")
    services.delete(download, timezone.now())
    assert ask() == ("Deleted", 0, None, "The task was deleted.")


def test_is_deleted_when_the_file_expires_and_is_cleaned_up_with_the_others(ask, settings):
    done = factories.finish(job())
    file = settings.STORAGE_DIR / done.file
    assert file.exists()
    ExportJob.objects.update(expires_at=timezone.now())

    gone = ("Deleted", 0, None, "The file is not kept any more; create another task.")
    assert ask() == gone  # at once, whenever the clean-up runs
    tasks.clean_up()
    assert not file.exists()
    assert ask() == gone


@pytest.mark.parametrize(
    ("begin", "end", "shown"),
    [
        # Winter, summer, and over each of the two changes: an hour that is left out, one twice.
        ("2023-01-15T12:00:00", "2023-01-15T12:01:00.5", "13:00:00.000+01:00 13:01:00.500+01:00"),
        ("2023-07-15T12:00:00", "2023-07-15T12:01:00", "14:00:00.000+02:00 14:01:00.000+02:00"),
        ("2023-03-26T00:59:30", "2023-03-26T01:00:30", "01:59:30.000+01:00 03:00:30.000+02:00"),
        ("2023-10-29T00:59:30", "2023-10-29T01:00:30", "02:59:30.000+02:00 02:00:30.000+01:00"),
    ],
)  # fmt: skip
def test_writes_times_in_the_zone_of_the_server(psim, alice, settings, begin, end, shown):
    settings.TIME_ZONE = "Europe/Berlin"
    instant = datetime.fromisoformat(f"{begin}+00:00")
    camera = factories.recorded(owner=alice, begin=instant - timedelta(seconds=5))
    client = psim(alice)

    task_id = client.create(str(camera.pk), begin, end).json()["ArchiveTaskId"]

    body = client.status(task_id).json()
    day = begin[:11]
    assert [body["From"], body["To"]] == [day + time for time in shown.split()]


def test_keeps_its_times_whatever_zone_they_were_sent_in(psim, alice, yard, settings):
    settings.TIME_ZONE = "Asia/Kolkata"
    client = psim(alice)
    made = client.create(str(yard.pk), "2023-03-10T13:20:00+03:00", "2023-03-10T10:21:00").json()

    body = client.status(made["ArchiveTaskId"]).json()
    assert made["From"] == "2023-03-10T13:20:00+03:00"
    assert body["From"] == "2023-03-10T15:50:00.000+05:30"
    assert body["To"] == "2023-03-10T15:51:00.000+05:30"


def test_links_to_the_host_that_was_asked(psim, alice, task_id, settings):
    settings.ALLOWED_HOSTS = ["vms.example.org", "10.0.0.7"]
    factories.finish(job())

    for host in ("vms.example.org", "10.0.0.7:8080"):
        body = psim(alice).status(task_id, HTTP_HOST=host).json()
        assert body["Url"] == f"http://{host}/download?file={task_id}"


def test_links_to_the_public_address_when_there_is_one(psim, alice, task_id, settings):
    settings.PUBLIC_URL = "https://archive.example.org:8443"
    factories.finish(job())

    body = psim(alice).status(task_id).json()
    assert body["Url"] == f"https://archive.example.org:8443/download?file={task_id}"


@pytest.mark.parametrize("name", ["archivetaskid", "ArchiveTaskId", "ARCHIVETASKID"])
def test_reads_the_parameter_in_any_case(psim, alice, task_id, name):
    for text in (task_id, task_id.upper(), f"{{{task_id}}}"):
        answer = psim(alice).client.get("/getarchivetaskstatus", {name: text})
        assert answer.json()["ArchiveTaskId"] == task_id


def test_is_for_nobody_to_keep(psim, alice, task_id):
    assert psim(alice).status(task_id)["Cache-Control"] == "no-store"


@pytest.mark.parametrize("who", ["bob", "mallory", "operator"])
def test_looks_like_none_to_others(psim, request, task_id, who):
    other = psim(request.getfixturevalue(who))
    theirs = other.status(task_id)
    unknown = other.status("084b56a5-bd49-4327-82db-9bc911f7ff96")

    assert refused(theirs, 404) == refused(unknown, 404)
    assert refused(other.delete(task_id), 404) == refused(unknown, 404)
    assert ArchiveTask.objects.get().download is not None


@pytest.mark.parametrize("text", ["", "0", "../../x", "x" * 5000, "084b56a5", "%00", "1'--"])
def test_refuses_what_is_no_task(psim, alice, task_id, text):
    refused(psim(alice).status(text), 404 if text else 400)


def test_is_in_the_owners_history_like_any_download(api, alice, task_id):
    [record] = api(alice).get("/api/v1/downloads").json()["data"]
    assert record["id"] == ArchiveTask.objects.get().download_id
    assert record["status"] == "queued"


def test_pushes_its_file_to_the_owner(alice, psim, yard, task_id):
    factories.finish(job())
    tasks.reconcile()

    event = Event.objects.get()
    assert event.user == alice
    assert event.body["type"] == "archive_generated"
    assert event.body["status"] == "ok"
    assert event.body["data"]["download"]["id"] == ArchiveTask.objects.get().download_id


def test_asks_the_database_as_often_whatever_is_there(
    psim, alice, task_id, django_assert_max_num_queries
):
    client = psim(alice)
    client.status(task_id)
    work(50)
    with django_assert_max_num_queries(8):
        client.status(task_id)
