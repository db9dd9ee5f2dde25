"""Export jobs and periodic tasks on the operator pages."""

from __future__ import annotations

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from exports import storage
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/exports/exportjob/"
TASKS = "/admin/django_celery_beat/periodictask/"


def do(pages, address: str, action: str, *rows) -> str:
    body = {"action": action, "_selected_action": [row.pk for row in rows]}
    return pages.post(address, body, follow=True).text


def test_shows_state_progress_reason_and_size(pages):
    factories.job(state="running", progress=45)
    factories.fail(factories.job(), message="The archive is gone.")
    factories.finish(factories.job(), content=b"x" * 2048)
    page = pages.get(LIST).text
    for text in ("running", "45 %", "failed", "The archive is gone.", "ready", "2.0\xa0KB"):
        assert text in page, text


def test_narrows_to_a_state_and_finds_by_id(pages):
    waiting, broken = factories.job(), factories.fail(factories.job())
    for query in ({"state__exact": "failed"}, {"q": str(broken.pk)}, {"q": broken.pk.hex}):
        page = pages.get(LIST, query).text
        assert str(broken.pk) in page
        assert str(waiting.pk) not in page


def test_cancels_what_waits_and_asks_what_runs_to_stop(pages):
    jobs = waiting, running, ended = [
        factories.job(),
        factories.job(state="running"),
        factories.fail(factories.job()),
    ]
    assert "2 jobs cancelled" in do(pages, LIST, "cancel", *jobs)
    for job in jobs:
        job.refresh_from_db()
    assert (waiting.state, running.state, ended.state) == ("cancelled", "running", "failed")
    assert running.cancel_requested


def test_removes_files_of_ready_jobs_only(pages, django_capture_on_commit_callbacks):
    ready, waiting = factories.finish(factories.job()), factories.job()
    with django_capture_on_commit_callbacks(execute=True):
        assert "1 file removed." in do(pages, LIST, "drop", ready, waiting)
    for job in (ready, waiting):
        job.refresh_from_db()
    assert (ready.state, waiting.state) == ("expired", "queued")
    assert not storage.path_of(ready.file).exists()


def test_is_neither_typed_in_nor_deleted(pages):
    job = factories.job(stream=factories.recorded().streams.get())
    page = pages.get(f"{LIST}{job.pk}/change/")
    assert f"/admin/downloads/download/?job__id__exact={job.pk}" in page.text
    assert pages.get(f"{LIST}add/").status_code == 403
    assert pages.post(f"{LIST}{job.pk}/change/", {"state": "ready"}).status_code == 403
    assert pages.post(f"{LIST}{job.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.fixture
def task(db):
    every = IntervalSchedule.objects.create(every=30, period="seconds")
    return PeriodicTask.objects.create(
        name="reconcile", task="downloads.tasks.reconcile", interval=every
    )


def test_shows_when_tasks_run(pages, task):
    page = pages.get(TASKS).text
    assert "reconcile" in page
    assert "every 30 seconds" in page
    assert pages.get(f"{TASKS}{task.pk}/change/").status_code == 200
    assert pages.post(f"{TASKS}{task.pk}/change/", {"name": "x"}).status_code == 403


def test_switches_tasks_off_and_on_and_tells_beat(pages, task):
    assert "Tasks switched off: 1." in do(pages, TASKS, "switch_off", task)
    task.refresh_from_db()
    assert not task.enabled
    told = PeriodicTasks.last_change()
    assert "Tasks switched on: 1." in do(pages, TASKS, "switch_on", task)
    task.refresh_from_db()
    assert task.enabled
    assert PeriodicTasks.last_change() > told


def test_says_so_when_a_task_cannot_be_started(pages, task):
    assert "The broker cannot be reached" in do(pages, TASKS, "run", task)
