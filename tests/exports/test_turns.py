"""Whose job is made next, and at which node."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from cameras.timeline import Interval
from exports import states, turns
from exports.models import ExportJob
from exports.options import Options
from exports.orders import order_job, order_jobs
from tests import factories
from tests.factories import BEGIN
from tests.running import wait_until

MINUTE, DAY = 60, 86_400


@pytest.fixture
def order():
    """Order files of one user, each of its own interval; gives the jobs."""
    taken = iter(range(100_000))

    def order(user, count=1, *, seconds=MINUTE, node="", stream=None):
        stream = stream or factories.stream(factories.camera(), node=node)
        made = []
        for _ in range(count):
            begin = BEGIN + timedelta(days=next(taken))
            interval = Interval(begin, begin + timedelta(seconds=seconds))
            with transaction.atomic():
                job = order_job(
                    stream, interval, Options(), timezone.now(), user_id=user and user.pk
                )
            made.append(job)
        return made

    return order


def take(node=""):
    return states.claim_next(node, "worker", timezone.now())


def work_off(node="", most=10_000):
    """Make jobs one after the other as a worker does, without making files; gives their order."""
    done = []
    while len(done) < most and (job := take(node)):
        states.fail(job, timezone.now(), "none", "no file is made here")
        done.append(job)
    return done


def test_one_job_does_not_wait_for_five_hundred_of_somebody_else(alice, mallory, order):
    order(alice, 500)
    [only] = order(mallory)
    assert only in work_off(most=3)


def test_users_with_jobs_take_turns(alice, bob, mallory, order):
    for user in (alice, bob, mallory):
        order(user, 4)
    served = [job.user_id for job in work_off()]
    for begin in range(0, 12, 3):
        assert set(served[begin : begin + 3]) == {alice.pk, bob.pk, mallory.pk}


def test_one_users_jobs_are_made_in_the_order_they_were_asked_for(alice, order):
    jobs = order(alice, 10)
    assert work_off() == jobs


def test_who_comes_later_is_not_behind_what_waits_and_not_before_who_waited(alice, mallory, order):
    order(alice, 20)
    first = work_off(most=10)
    assert {job.user_id for job in first} == {alice.pk}
    order(mallory, 10)
    served = [job.user_id for job in work_off(most=10)]
    assert 4 <= served.count(mallory.pk) <= 6


def test_short_ones_go_before_long_ones_that_came_at_the_same_time(alice, mallory, order):
    [long] = order(alice, seconds=DAY)
    short = order(mallory, 20)
    assert work_off() == [*short, long]


def test_a_long_one_is_not_overtaken_for_ever(alice, mallory, order):
    [long] = order(alice, seconds=6 * 3600)
    for _ in range(100):
        order(mallory)
        [done] = work_off(most=1)
        if done == long:
            return
    pytest.fail("the long one was never made")


def test_who_shares_a_job_brings_it_forward(alice, mallory, order):
    jobs = order(alice, 50)
    last = jobs[-1]
    with transaction.atomic():
        shared = order_jobs(
            [last.stream], last.interval, Options(), timezone.now(), user_id=mallory.pk
        )
    assert shared[last.stream_id] == last
    assert last in work_off(most=3)


def test_jobs_of_a_node_are_for_its_workers(alice, order):
    [here] = order(alice)
    [east] = order(alice, node="east")
    assert work_off("west") == []
    assert work_off("east") == [east]
    assert work_off() == [here]


def test_a_queued_job_follows_its_archive_to_another_node(alice, order):
    [job] = order(alice, node="east")
    job.stream.node = "west"
    job.stream.save()
    assert turns.move_to_nodes() == 1
    assert turns.move_to_nodes() == 0
    assert work_off("west") == [job]


def test_tells_the_place_of_a_job_that_waits(alice, mallory, order):
    many = order(alice, 30)
    [only] = order(mallory)
    [elsewhere] = order(mallory, node="east")
    turns.tell_positions([*many, only, elsewhere])
    assert sorted(job.position for job in [*many, only]) == list(range(1, 32))
    assert only.position <= 2
    assert elsewhere.position == 1


def test_a_job_that_runs_has_no_place(alice, order):
    order(alice)
    job = take()
    turns.tell_positions([job])
    assert job.position is None


def test_counts_what_waits_by_node(alice, order):
    order(alice, 3)
    order(alice, 2, node="east")
    take()
    assert turns.waiting() == {"": 2, "east": 2}


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_take_different_jobs(alice, order):
    jobs = order(alice, 12)
    start, taken = threading.Barrier(8), []

    def work(owner):
        start.wait()
        while job := states.claim_next("", owner, timezone.now()):
            taken.append(job.pk)
        connection.close()

    workers = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == sorted(job.pk for job in jobs)
    assert set(ExportJob.objects.values_list("attempt", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_a_worker_waits_for_the_only_job_while_somebody_looks_at_it(alice, order):
    """Else the message that woke it would be used up and the job left lying."""
    [job] = order(alice)
    looking, taken = threading.Event(), []

    def work():
        looking.wait()
        taken.append(take())
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    with transaction.atomic():
        ExportJob.objects.select_for_update().get(pk=job.pk)
        looking.set()
        worker.join(0.3)
    worker.join()
    assert taken == [job]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no rows")
@pytest.mark.django_db(transaction=True)
def test_moving_jobs_to_their_nodes_waits_for_no_order_that_waits(alice, order):
    """An order shares jobs by their streams; the one of the later stream is the older row."""
    first, second = (factories.stream(factories.camera()) for _ in range(2))
    [later] = order(alice, stream=second)
    [sooner] = order(alice, stream=first)
    for stream in (first, second):
        stream.node = "attic"
        stream.save()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ExportJob.objects.select_for_update().get(pk=sooner.pk)
            moving = pool.submit(turns.move_to_nodes)
            wait_until(lambda: moving.done() or is_somebody_waiting())
            ExportJob.objects.select_for_update().get(pk=later.pk)
        assert moving.result() == 2
        pool.submit(connections.close_all).result()
    assert set(ExportJob.objects.values_list("node", flat=True)) == {"attic"}


def is_somebody_waiting():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


def test_jobs_that_come_back_do_not_take_the_queue_back_with_them(alice, bob, mallory, order):
    """A worker died with two jobs, and was missed when many others had been made."""
    order(alice, 2)
    lost = [take(), take()]
    order(bob, 60)
    work_off(most=30)
    for job in lost:
        states.give_back(job, timezone.now())
    assert take() == lost[0]
    order(mallory, 10)
    served = work_off(most=11)
    assert served[0] == lost[1]
    assert sum(job.user_id == bob.pk for job in served) == 5
