from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from exports import states
from exports.errors import Cancelled, LeaseLost
from exports.models import ExportJob
from tests import factories

NOW = timezone.now()
LEASE = timedelta(seconds=60)


@pytest.fixture
def job(db):
    return factories.job()


def state_of(job):
    return ExportJob.objects.get(pk=job.pk).state


def test_gives_a_queued_job_to_a_worker(job):
    claimed = states.claim(job.pk, "first", NOW)

    assert (claimed.state, claimed.attempt, claimed.owner) == ("running", 1, "first")


def test_gives_a_job_to_one_worker_only(job):
    assert states.claim(job.pk, "first", NOW)
    assert states.claim(job.pk, "second", NOW) is None


@pytest.mark.django_db(transaction=True)
def test_gives_a_job_to_one_of_many_workers_at_once():
    job = factories.job()
    start, won = threading.Barrier(8), []

    def work(owner):
        start.wait()
        won.append(states.claim(job.pk, owner, NOW))
        connection.close()

    workers = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len([claimed for claimed in won if claimed]) == 1
    assert ExportJob.objects.get(pk=job.pk).attempt == 1


def test_keeps_the_lease_while_the_worker_beats(job):
    claimed = states.claim(job.pk, "first", NOW)
    states.beat(claimed, 40, NOW + LEASE)

    job.refresh_from_db()
    assert (job.progress, job.heartbeat_at) == (40, NOW + LEASE)
    assert states.requeue_lost(NOW + LEASE * 1.5, LEASE, 3) == []


def test_takes_the_job_from_a_silent_worker(job):
    lost = states.claim(job.pk, "first", NOW)

    assert states.requeue_lost(NOW + LEASE * 2, LEASE, 3) == [job.pk]
    second = states.claim(job.pk, "second", NOW + LEASE * 2)
    assert second.attempt == 2
    with pytest.raises(LeaseLost):
        states.beat(lost, 50, NOW + LEASE * 2)
    assert not states.finish(lost, NOW, LEASE, file="aa/stale.mp4")
    assert not states.fail(lost, NOW, "failed", "too late")
    assert state_of(job) == "running"


def test_fails_a_job_whose_workers_were_lost_too_often(job):
    now = NOW
    for attempt in range(3):
        assert states.claim(job.pk, f"worker {attempt}", now)
        now += LEASE * 2
        states.requeue_lost(now, LEASE, 3)

    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "worker_lost")


def test_misses_a_worker_that_died_while_its_clock_was_ahead(job):
    """Set right again, the clock would need that hour to come to the last heartbeat."""
    states.claim(job.pk, "first", NOW + timedelta(hours=1))
    assert states.pull_back_beats(NOW, LEASE) == 1
    assert states.requeue_lost(NOW, LEASE, 3) == []
    assert states.requeue_lost(NOW + LEASE * 1.5, LEASE, 3) == [job.pk]


def test_takes_nothing_from_a_worker_that_lives_with_a_clock_ahead(job):
    claimed = states.claim(job.pk, "first", NOW + timedelta(hours=1))
    for number in range(1, 4):
        states.pull_back_beats(NOW + LEASE * number, LEASE)
        states.beat(claimed, 10, NOW + timedelta(hours=1) + LEASE * number)
        assert states.requeue_lost(NOW + LEASE * number, LEASE, 3) == []


def test_lets_a_heartbeat_be_a_little_ahead(job):
    claimed = states.claim(job.pk, "first", NOW + LEASE)
    assert states.pull_back_beats(NOW, LEASE) == 0
    assert ExportJob.objects.get(pk=job.pk).heartbeat_at == claimed.heartbeat_at


def test_cancels_a_queued_job_at_once(job):
    assert states.cancel(job.pk, NOW)
    assert state_of(job) == "cancelled"
    assert states.claim(job.pk, "first", NOW) is None


def test_tells_the_worker_of_a_running_job_to_stop(job):
    claimed = states.claim(job.pk, "first", NOW)
    states.cancel(job.pk, NOW)

    with pytest.raises(Cancelled):
        states.beat(claimed, 10, NOW)
    assert not states.finish(claimed, NOW, LEASE, file="aa/unwanted.mp4")
    assert states.settle_cancelled(claimed, NOW)
    assert state_of(job) == "cancelled"


def test_settles_a_cancelled_job_whose_worker_was_lost(job):
    states.claim(job.pk, "first", NOW)
    states.cancel(job.pk, NOW)

    assert states.requeue_lost(NOW + LEASE * 2, LEASE, 3) == []
    assert state_of(job) == "cancelled"


def test_does_not_cancel_what_has_ended(job):
    claimed = states.claim(job.pk, "first", NOW)
    states.finish(claimed, NOW, LEASE, file="aa/ready.mp4")

    assert not states.cancel(job.pk, NOW)
    assert state_of(job) == "ready"


def test_expires_a_file_when_its_time_has_come_and_not_before(job):
    claimed = states.claim(job.pk, "first", NOW)
    states.finish(claimed, NOW, LEASE, file="aa/ready.mp4")

    assert not states.expire(job.pk, NOW + LEASE - timedelta(seconds=1))
    assert states.keep_until(job.pk, NOW + 3 * LEASE)
    assert not states.expire(job.pk, NOW + LEASE)
    assert states.expire(job.pk, NOW + 3 * LEASE)
    assert not states.keep_until(job.pk, NOW + 9 * LEASE)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a writer holds all rows anyway")
@pytest.mark.django_db(transaction=True)
def test_nobody_shortens_the_time_of_a_file_that_is_kept_long_enough_already():
    """Not before whoever counts on it has committed."""
    job = factories.finish(factories.job(), now=NOW)
    refused = []

    def shorten():
        try:
            with transaction.atomic():
                ExportJob.objects.select_for_update(nowait=True).get(pk=job.pk)
        except OperationalError as error:
            refused.append(error)
        connection.close()

    with transaction.atomic():
        assert states.keep_until(job.pk, job.expires_at - LEASE)
        other = threading.Thread(target=shorten)
        other.start()
        other.join()
    assert len(refused) == 1
    assert ExportJob.objects.get(pk=job.pk).expires_at == job.expires_at


def test_does_not_give_back_what_was_cancelled_meanwhile(job):
    claimed = states.claim(job.pk, "first", NOW)
    states.cancel(job.pk, NOW)

    assert not states.give_back(claimed, NOW)
    assert states.settle_cancelled(claimed, NOW)
    assert state_of(job) == "cancelled"


# --- a wish to cancel wins, whatever happens ---


def test_what_a_stopping_worker_hands_back_costs_no_attempt(job):
    for number in range(9):
        claimed = states.claim(job.pk, "redeployed", NOW)
        assert (claimed.attempt, claimed.tries) == (number + 1, 1)
        assert states.hand_back(claimed, NOW)
    lost = states.claim(job.pk, "killed", NOW)
    assert lost.tries == 1
    assert states.requeue_lost(NOW + LEASE * 2, LEASE, 2) == [job.pk]


def test_does_not_hand_back_what_is_somebody_elses(job):
    lost = states.claim(job.pk, "first", NOW)
    states.requeue_lost(NOW + LEASE * 2, LEASE, 3)
    states.claim(job.pk, "second", NOW)

    assert not states.hand_back(lost, NOW)
    assert state_of(job) == "running"


def test_a_job_that_rests_is_not_claimed_until_it_has(job):
    rest = timedelta(seconds=4)
    states.give_back(states.claim(job.pk, "first", NOW), NOW, rest)

    assert states.claim_next("", "second", NOW) is None
    assert states.claim(job.pk, "second", NOW + rest / 2) is None
    assert states.claim_next("", "second", NOW + rest).rests_until is None


def test_ends_a_rest_that_a_clock_set_back_would_make_long(job):
    rest = timedelta(seconds=4)
    states.give_back(states.claim(job.pk, "first", NOW), NOW, rest)

    assert states.end_long_rests(NOW, rest) == 0
    assert states.end_long_rests(NOW - timedelta(hours=1), rest) == 1
    assert states.claim_next("", "second", NOW - timedelta(hours=1))


def test_a_cancelled_job_is_not_claimed(job):
    ExportJob.objects.filter(pk=job.pk).update(cancel_requested=True)
    assert states.claim_next("", "first", NOW) is None
    assert states.claim(job.pk, "first", NOW) is None


def test_cancel_wins_over_a_lost_worker_with_no_attempts_left(job):
    states.claim(job.pk, "first", NOW)
    states.cancel(job.pk, NOW)
    states.requeue_lost(NOW + LEASE * 2, LEASE, 1)
    assert state_of(job) == "cancelled"


@pytest.mark.parametrize("state", ["ready", "failed", "cancelled", "expired"])
def test_what_has_ended_stays_as_it_is(state, db):
    job = factories.job(state=state)
    assert not states.cancel(job.pk, NOW)
    assert states.claim(job.pk, "first", NOW) is None
    assert state_of(job) == state


@pytest.mark.django_db(transaction=True)
def test_of_cancel_and_finish_at_once_one_wins_and_both_know():
    """Ready and cancelled: a file that is linked and unwanted, or wanted and gone, is neither."""
    for _ in range(20):
        claimed = states.claim(factories.job().pk, "first", NOW)
        start, said = threading.Barrier(2), {}

        def finish(claimed=claimed, start=start, said=said):
            start.wait()
            said["finished"] = states.finish(claimed, NOW, LEASE, file="aa/ready.mp4")
            connection.close()

        def cancel(claimed=claimed, start=start, said=said):
            start.wait()
            said["cancelled"] = states.cancel(claimed.pk, NOW)
            connection.close()

        both = [threading.Thread(target=one) for one in (finish, cancel)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert said["finished"] != said["cancelled"]
        if said["cancelled"]:
            assert states.settle_cancelled(claimed, NOW)
        assert state_of(claimed) == ("ready" if said["finished"] else "cancelled")


@pytest.mark.django_db(transaction=True)
def test_two_reconcilers_at_once_take_a_lost_job_once():
    jobs = [factories.job() for _ in range(10)]
    for job in jobs:
        states.claim(job.pk, "lost", NOW)
    start, requeued = threading.Barrier(2), []

    def reconcile():
        start.wait()
        requeued.extend(states.requeue_lost(NOW + LEASE * 2, LEASE, 3))
        connection.close()

    both = [threading.Thread(target=reconcile) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(requeued) == sorted(job.pk for job in jobs)
