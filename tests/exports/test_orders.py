from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from cameras.timeline import Interval
from exports import states, storage
from exports.models import ExportJob
from exports.options import Options
from exports.orders import order_job
from tests import factories

INTERVAL = Interval(factories.BEGIN, factories.BEGIN + timedelta(seconds=30))


def order(stream, **options):
    now = options.pop("now", None) or timezone.now()
    with transaction.atomic():
        return order_job(stream, INTERVAL, Options(**options), now)


@pytest.fixture
def stream(db):
    return factories.stream(factories.camera())


def test_shares_a_job_that_is_queued_running_or_ready(stream):
    job = order(stream)
    assert order(stream).pk == job.pk
    claimed = states.claim(job.pk, "worker", timezone.now())
    assert order(stream).pk == job.pk
    factories.finish(claimed)
    assert order(stream).pk == job.pk


@pytest.mark.parametrize("options", [{"cut": "keyframe"}, {"gaps": "keep"}])
def test_makes_another_file_for_other_options(stream, options):
    assert order(stream).pk != order(stream, **options).pk


def test_makes_a_new_file_after_a_failure(stream):
    job = order(stream)
    factories.fail(job)

    assert order(stream).pk != job.pk


def test_makes_a_new_file_for_one_that_is_being_cancelled(stream):
    job = order(stream)
    states.claim(job.pk, "worker", timezone.now())
    states.cancel(job.pk, timezone.now())

    assert order(stream).pk != job.pk


def test_makes_a_new_file_when_the_old_one_is_due_or_lost(stream):
    due = factories.finish(order(stream), now=timezone.now() - timedelta(hours=4))
    lost = factories.finish(order(stream))
    assert lost.pk != due.pk
    storage.path_of(lost.file).unlink()

    assert order(stream).pk not in {due.pk, lost.pk}
    assert ExportJob.objects.get(pk=lost.pk).state == "expired"


def test_makes_a_new_file_for_one_with_gaps_and_leaves_that_to_its_owners(stream):
    gaps = [{"from": "2023-03-10T10:20:00.000000Z", "to": "2023-03-10T10:20:05.000000Z"}]
    partly = factories.finish(order(stream), gaps=gaps)

    assert order(stream).pk != partly.pk
    assert ExportJob.objects.get(pk=partly.pk).state == "ready"
    assert storage.path_of(partly.file).exists()


@pytest.mark.django_db(transaction=True)
def test_ends_with_one_job_for_many_orders_at_once():
    stream = factories.stream(factories.camera())
    start, jobs = threading.Barrier(6), []

    def work():
        start.wait()
        jobs.append(order(stream).pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(jobs) == 6
    assert len(set(jobs)) == 1
