"""What upkeep does between what users do: each step seen with a user's right before it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from downloads import notifications, tasks
from downloads.upkeep import settle_ownerless, tell_untold
from exports import housekeeping
from exports.models import ExportJob
from exports.options import Options
from exports.orders import fingerprint_of, order_job
from tests import factories
from tests.downloads.beside import beside
from vms.push.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

OPTIONS = Options()


@contextmanager
def before_statement(number: int, work: Callable[[], object]):
    """Let somebody else do *work* right before our *number*th statement; tells that it was."""
    seen: list[str] = []

    def step(execute, sql, params, many, context):
        seen.append(sql)
        if len(seen) == number:
            beside(work)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(step):
        yield
    assert len(seen) >= number


def ownerless(yard, state):
    """A job whose records were deleted, and what an order of the same must say to share it."""
    stream = yard.streams.get()
    job = factories.job(stream=stream, created_at=timezone.now() - timedelta(hours=1))
    if state == "ready":
        factories.finish(job)
    ExportJob.objects.filter(pk=job.pk).update(
        fingerprint=fingerprint_of(stream, job.interval, OPTIONS)
    )
    return job, stream


@pytest.mark.parametrize("state", ["queued", "ready"])
def test_leaves_a_job_alone_that_somebody_shares_meanwhile(alice, yard, state):
    job, stream = ownerless(yard, state)

    def order():
        with transaction.atomic():
            shared = order_job(stream, job.interval, OPTIONS, timezone.now(), user_id=alice.pk)
            factories.download(alice, job=shared)

    # The first looks for jobs no record points at.
    with before_statement(2, order):
        settle_ownerless(timezone.now())
    housekeeping.expire_files(timezone.now())
    job.refresh_from_db()
    assert job.downloads.count() == 1
    assert (job.state, job.cancel_requested) == (state, False)


def test_tells_the_others_when_one_record_cannot_be_told_of(alice, bob, monkeypatch):
    for user in (alice, bob):
        factories.download(user, job=factories.finish(factories.job()))
    record = notifications.record_event

    def broken_for_alice(**event):
        if event["user_id"] == alice.pk:
            raise ValueError
        return record(**event)

    monkeypatch.setattr(notifications, "record_event", broken_for_alice)
    assert tell_untold(timezone.now()) == 1
    assert Event.objects.get().user == bob


def test_does_each_step_of_a_round_whatever_became_of_the_others(monkeypatch):
    """Files whose time has come go, and jobs without a message are woken, all the same."""
    due = factories.finish(factories.job(), now=timezone.now() - timedelta(hours=4))
    woken = []

    def broken(_now):
        raise ValueError

    for step in ("send_unsent", "tell_untold", "settle_ownerless"):
        monkeypatch.setattr(tasks, step, broken)
    monkeypatch.setattr(tasks, "wake_missing", lambda: woken.append(1) or 1)
    for task in (tasks.clean_up, tasks.reconcile):
        with pytest.raises(ValueError):
            task()
    due.refresh_from_db()
    assert (due.state, woken) == ("expired", [1])


def test_forgets_nothing_over_a_job_that_another_clean_up_forgot(yard):
    job, _stream = ownerless(yard, "queued")
    with before_statement(2, ExportJob.objects.all().delete):
        assert settle_ownerless(timezone.now()) == 0
    assert not ExportJob.objects.filter(pk=job.pk).exists()
