from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from vms.celery import app
from vms.ops.schedule import Scheduler

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


@pytest.fixture
def scheduler(monkeypatch):
    """A beat with one task, every 30 seconds, that is not sent but noted in `sent`."""
    every = IntervalSchedule.objects.create(every=30, period="seconds")
    PeriodicTask.objects.create(name="look", task="look", interval=every)
    made = Scheduler(app, Producer=object, lazy=True)
    made.producer = None  # no broker runs here
    made._finalize.cancel()  # nor is there a database when this process ends
    made.sent = []
    monkeypatch.setattr(made, "apply_entry", lambda entry, **_: made.sent.append(entry.name))
    return made


def set_last_run(scheduler, instant):
    entry = scheduler.schedule["look"]
    entry.last_run_at = entry.model.last_run_at = instant
    return entry


def test_counts_a_last_run_that_lies_ahead_from_now_on(scheduler):
    entry = set_last_run(scheduler, timezone.now() + HOUR)

    is_due, seconds = entry.is_due()

    assert not is_due
    assert seconds <= 30
    assert entry.last_run_at <= timezone.now()


def test_sends_what_is_due_though_it_was_planned_by_a_clock_that_was_ahead(scheduler):
    tick_all(scheduler)
    scheduler.sent.clear()
    set_last_run(scheduler, timezone.now() - HOUR)
    scheduler._heap = [event._replace(time=event.time + 3600) for event in scheduler._heap]
    tick_all(scheduler)
    assert scheduler.sent == []

    scheduler.ahead += 3600  # and now it was set back

    tick_all(scheduler)
    assert "look" in scheduler.sent


def test_ends_though_what_the_signal_raised_was_lost(scheduler):
    tick_all(scheduler)
    scheduler.close()

    with pytest.raises(SystemExit):
        scheduler.tick()


def tick_all(scheduler):
    while scheduler.tick() == 0:
        pass
