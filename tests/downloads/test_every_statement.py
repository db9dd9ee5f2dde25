"""Between any two statements of a worker: it dies, its database fails it, somebody else acts.

Whatever the statement was: the file is there once and whole or not at all, its owner is told once,
and what lies about is gone after one clean-up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from downloads import services
from downloads.models import Download
from downloads.tasks import make_next
from exports import housekeeping, states, stopping, storage
from exports.models import ExportJob
from tests import factories
from tests.downloads.beside import beside
from tests.footage import BEGIN, Footage
from vms.push.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ffmpeg]

FOOTAGE = Footage()


class Killed(BaseException):
    """Ends the worker wherever it is, as SIGKILL would: nobody handles it."""


class AtStatement:
    """Does something at one of the statements that are sent; says which one that was."""

    def __init__(self, number: int, act: Callable[..., Any], concerns: Callable[[str], bool]):
        self.left, self.act, self.concerns = number, act, concerns
        self.statement = ""

    def __call__(self, execute, sql, params, many, context):
        send = partial(execute, sql, params, many, context)
        if self.statement or not self.concerns(sql):
            return send()
        self.left -= 1
        if self.left:
            return send()
        self.statement = sql
        return self.act(send)


def die(_download, _send):
    raise Killed


def lose_answer(_download, send):
    send()
    raise OperationalError


def asks(sql):
    """Say whether a statement reads or writes rows: not what begins or ends a transaction."""
    return not sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"))


def is_free(_sql):
    """Say whether we hold no rows, so that others need not wait for us."""
    return not connection.in_atomic_block


@pytest.fixture
def stream():
    made = factories.stream(factories.camera())
    folder = factories.folder(made)
    FOOTAGE.make(settings.ARCHIVE_DIR / str(made.pk))
    scan_folder(folder, full=False, now=timezone.now())
    made.refresh_from_db()
    return made


def make_until_it_ends(job) -> None:
    """Do what reconcilers and other workers do, each a while later than the one before."""
    for _ in range(settings.VMS["VMS_EXPORT_MAX_ATTEMPTS"]):
        states.requeue_lost(timezone.now() + settings.EXPORT_LEASE * 2, settings.EXPORT_LEASE, 3)
        ExportJob.objects.filter(pk=job.pk).update(rests_until=None)
        make_next()


def clean_up_later() -> None:
    for path in files():
        os.utime(path, (0, 0))
    housekeeping.remove_strays(timezone.now())


def files():
    return [path for path in storage.root().rglob("*") if path.is_file()]


def each_statement(alice, stream, act, concerns, *errors):
    """Make a job for each statement a worker sends, and *act* at that one; ends with a job at
    which nothing happened."""
    for number in count(1):
        job = factories.job(stream=stream, begin=BEGIN + timedelta(seconds=3), seconds=2)
        download = factories.download(alice, job=job)
        step = AtStatement(number, partial(act, download), concerns)
        with connection.execute_wrapper(step), suppress(*errors):
            make_next()
        if errors:
            connection.close()  # as the database sees the end of a process
        yield download, step.statement
        if not step.statement:
            return
        for made in (Event, Download, ExportJob):
            made.objects.all().delete()
        for path in files():
            path.unlink()


def told():
    return [event.body["status"] for event in Event.objects.order_by("pk")]


@pytest.mark.parametrize("fault", [die, lose_answer])
def test_a_fault_at_any_statement_costs_nothing(alice, stream, fault):
    for download, at in each_statement(alice, stream, fault, asks, Killed, OperationalError):
        job = download.job
        make_until_it_ends(job)
        clean_up_later()
        job.refresh_from_db()
        assert (job.state, told(), at) == ("ready", ["ok"], at)
        assert job.attempt <= 2, at
        assert files() == [storage.path_of(job.file)], at


def test_a_cancellation_between_any_two_statements_leaves_nothing(alice, stream):
    def cancel(download, send):
        with suppress(services.InvalidData):  # it had ended
            beside(lambda: services.cancel(download, timezone.now()))
        return send()

    cancelled = 0
    for download, at in each_statement(alice, stream, cancel, is_free):
        download.refresh_from_db()
        if download.cancelled_at is None:
            assert (download.job.state, told(), at) == ("ready", ["ok"], at)
        else:
            assert (download.job.state, told(), files(), at) == ("cancelled", [], [], at)
            cancelled += 1
    assert cancelled


def test_a_worker_thought_lost_between_any_two_statements_makes_no_second_file(alice, stream):
    def give_to_another(download, send):
        beside(lambda: make_until_it_ends(download.job))
        return send()

    for download, at in each_statement(alice, stream, give_to_another, is_free):
        job = download.job
        job.refresh_from_db()
        assert (job.state, told(), at) == ("ready", ["ok"], at)
        assert files() == [storage.path_of(job.file)], at


def test_a_stop_between_any_two_statements_hands_the_job_back(alice, stream, settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_STOP_SECONDS": 0}

    def stop(_download, send):
        stopping.ask()
        return send()

    for download, at in each_statement(alice, stream, stop, is_free):
        stopping.forget()
        job = download.job
        job.refresh_from_db()
        assert job.state in {"queued", "ready"}, at
        assert len(files()) == (job.state == "ready"), at
        make_until_it_ends(job)
        job.refresh_from_db()
        assert (job.state, job.tries, told(), at) == ("ready", 1, ["ok"], at)
        assert files() == [storage.path_of(job.file)], at
