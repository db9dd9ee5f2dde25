"""Rounds of sending: what is due is sent, tried again with growing pauses, and given up."""

from __future__ import annotations

import errno
import json
import logging
import socket
import threading
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from tests.webhooks.conftest import let_time_pass, try_again
from tests.webhooks.test_signatures import is_signed
from vms.webhooks import attempts, rounds
from vms.webhooks.attempts import Outcome, claim, is_work_left, note
from vms.webhooks.models import Delivery, Webhook
from vms.webhooks.recording import record_test
from vms.webhooks.rounds import LOCK, RoundLock, run_round
from vms.webhooks.signatures import secret_of
from vms.webhooks.tasks import send_due

pytestmark = pytest.mark.django_db(transaction=True)


def the_delivery() -> Delivery:
    return Delivery.objects.get()


def test_sends_an_event_signed(alice, webhook, receiver, happen):
    event = happen(alice)
    assert run_round() == 1
    [request] = receiver.requests
    delivery = the_delivery()
    assert is_signed(request, secret_of(webhook.pk))
    assert request.headers["webhook-id"] == delivery.key
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "data": event.body,
        "subject": None,
        "message": None,
        "id": event.number,
    }
    assert (delivery.state, delivery.attempts, delivery.status) == ("delivered", 1, 200)
    assert (delivery.error, delivery.next_attempt_at) == ("", None)
    assert delivery.finished_at is not None
    webhook.refresh_from_db()
    assert webhook.delivered_at is not None
    assert run_round() == 0


def test_keeps_no_body_once_it_is_delivered(alice, webhook, receiver, happen):
    happen(alice)
    assert the_delivery().body
    run_round()
    assert the_delivery().body == ""


def test_sends_the_events_of_a_webhook_in_their_order(alice, webhook, receiver, happen):
    for number in range(12):
        happen(alice, number)
    assert run_round() == 12
    sent = [json.loads(request.body)["data"]["data"]["number"] for request in receiver.requests]
    assert sent == list(range(12))


def test_sends_to_several_receivers_at_once(alice, receiver, happen):
    both_there = threading.Barrier(2)

    def answer(handler):
        both_there.wait()  # would wait in vain for one that comes after the other
        handler.send_response(200)
        handler.end_headers()

    receiver.answer = answer
    for _ in range(2):
        Webhook.objects.create(user=alice, url=receiver.url)
    happen(alice)
    assert run_round() == 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_tries_again_with_the_same_id_and_body_and_a_new_signature(
    alice, webhook, receiver, happen
):
    receiver.answers.extend([500, 503])
    happen(alice)
    assert [run_round(), run_round(), try_again(), try_again()] == [1, 0, 1, 1]
    first, *_others = receiver.requests
    assert len(receiver.requests) == 3
    for request in receiver.requests:
        assert (request.headers["webhook-id"], request.body) == (
            first.headers["webhook-id"],
            first.body,
        )
        assert is_signed(request, secret_of(webhook.pk))
    delivery = the_delivery()
    assert (delivery.state, delivery.attempts, delivery.status) == ("delivered", 3, 200)
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.quiet_until) == (0, None)


def test_waits_twice_as_long_each_time(alice, webhook, receiver, happen):
    now = timezone.now()
    happen(alice)
    waits = []
    for _ in range(10):
        [delivery] = claim(1, [], now + timedelta(days=1))
        note(delivery, Outcome(500), now)
        if (delivery := the_delivery()).next_attempt_at:
            waits.append((delivery.next_attempt_at - now).total_seconds())
        Webhook.objects.update(quiet_until=None)
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    assert (delivery.state, delivery.attempts, delivery.body) == ("failed", 10, "")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_takes_a_redirect_for_a_failure(alice, webhook, receiver, happen, status):
    def redirect(handler):
        handler.send_response(status)
        handler.send_header("Location", receiver.url)
        handler.end_headers()

    receiver.answer = redirect
    happen(alice)
    run_round()
    assert len(receiver.requests) == 1
    delivery = the_delivery()
    assert (delivery.state, delivery.status) == ("pending", status)
    assert delivery.error == "The receiver redirects; register the address it leads to."


def test_writes_down_what_went_wrong(alice, webhook, receiver, happen, set_to):
    receiver.answer = 418
    happen(alice)
    run_round()
    assert the_delivery().error == "The receiver answered 418."
    set_to(VMS_WEBHOOK_ALLOWED_NETWORKS=[])
    try_again()
    delivery = the_delivery()
    assert delivery.error == "This server does not send to addresses of this kind."
    assert delivery.status is None
    assert len(receiver.requests) == 1


def test_gives_a_slow_receiver_up(alice, webhook, receiver, happen, set_to):
    set_to(VMS_WEBHOOK_TIMEOUT_SECONDS=0.3)
    done = threading.Event()
    receiver.answer = lambda _handler: done.wait()
    happen(alice)
    run_round()
    done.set()
    delivery = the_delivery()
    assert (delivery.state, delivery.error) == ("pending", "No answer within 0.3 seconds.")


def test_writes_down_what_came_of_others_where_an_attempt_cannot_be_made(
    alice, receiver, happen, monkeypatch, caplog
):
    turns = iter([OSError(errno.EMFILE, "Too many open files")])
    dup = socket.socket.dup

    def dup_or_fail(raw):
        for error in turns:
            raise error
        return dup(raw)

    monkeypatch.setattr(socket.socket, "dup", dup_or_fail)
    for _ in range(2):
        Webhook.objects.create(user=alice, url=receiver.url)
    happen(alice)
    assert run_round() == 2
    assert sorted(Delivery.objects.values_list("state", "error")) == [
        ("delivered", ""),
        ("pending", "The server could not make the attempt."),
    ]
    assert receiver.url not in caplog.text


# --- webhooks that fail ---


def test_leaves_a_webhook_in_peace_after_a_failure(alice, webhook, receiver, happen):
    receiver.answers.append(500)
    happen(alice, 1)
    happen(alice, 2)
    assert run_round() == 1
    happen(alice, 3)
    assert run_round() == 0
    assert not is_work_left(timezone.now())
    assert try_again() == 3
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_sends_to_others_meanwhile(alice, mallory, webhook, receiver, happen):
    receiver.answers.append(500)
    happen(alice)
    run_round()
    Webhook.objects.create(user=mallory, url=receiver.url)
    happen(mallory)
    assert run_round() == 1
    assert Delivery.objects.get(webhook__user=mallory).state == "delivered"


def test_disables_a_webhook_that_always_fails(alice, webhook, receiver, happen, set_to, caplog):
    set_to(VMS_WEBHOOK_MAX_FAILURES=3)
    receiver.answer = 500
    for number in range(4):
        happen(alice, number)
    with caplog.at_level(logging.WARNING):
        assert sum(try_again() for _ in range(5)) == 3
    webhook.refresh_from_db()
    assert webhook.disabled_at is not None
    assert webhook.disabled_why == "3 attempts in a row failed."
    assert "webhook disabled" in caplog.text
    assert receiver.url not in caplog.text
    for delivery in Delivery.objects.all():
        assert (delivery.state, delivery.body, delivery.next_attempt_at) == ("failed", "", None)
        assert delivery.error == "The webhook was disabled."
    happen(alice, 9)
    assert Delivery.objects.count() == 4


def test_counts_failures_in_a_row_only(alice, webhook, receiver, happen, set_to):
    set_to(VMS_WEBHOOK_MAX_FAILURES=3)
    receiver.answers.extend([500, 500, 200, 500, 500, 200])
    for number in range(2):
        happen(alice, number)
    while try_again():
        pass
    webhook.refresh_from_db()
    assert len(receiver.requests) == 6
    assert (webhook.disabled_at, webhook.failures) == (None, 0)


def test_disables_a_webhook_whose_receiver_is_gone(alice, webhook, receiver, happen):
    receiver.answer = 410
    happen(alice)
    run_round()
    webhook.refresh_from_db()
    assert webhook.disabled_why == "The receiver answered 410: it wants no more."
    assert the_delivery().state == "failed"


def test_sends_a_test_once_and_counts_no_failure(webhook, receiver):
    receiver.answer = 500
    record_test(webhook)
    assert run_round() == 1
    assert try_again() == 0
    delivery = the_delivery()
    assert (delivery.state, delivery.status, delivery.event_id) == ("failed", 500, None)
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.quiet_until) == (0, None)


def test_enables_a_webhook_that_answers_a_test(alice, webhook, receiver, happen):
    attempts.disable(Webhook.objects.all(), "why", timezone.now())
    record_test(webhook)
    assert run_round() == 1
    assert json.loads(receiver.requests[0].body) == {
        "data": {"type": "webhook_test", "status": "ok", "data": {}},
        "subject": None,
        "message": None,
    }
    webhook.refresh_from_db()
    assert (webhook.disabled_at, webhook.disabled_why) == (None, "")
    happen(alice)
    assert run_round() == 1


def test_sends_nothing_of_a_user_who_was_disabled_meanwhile(alice, webhook, receiver, happen):
    happen(alice)
    record_test(webhook)
    alice.is_active = False
    alice.save()
    assert run_round() == 0
    assert receiver.requests == []


# --- workers that are lost ---


def test_sends_again_what_a_lost_worker_had_taken(alice, webhook, receiver, happen):
    happen(alice)
    [lost] = claim(1, [], timezone.now())
    assert run_round() == 0
    let_time_pass(seconds=attempts.LEASE.total_seconds() + 1)
    assert run_round() == 1
    note(lost, Outcome(error="late"), timezone.now())
    delivery = the_delivery()
    assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 2, "")


def test_gives_up_what_loses_its_worker_each_time(alice, webhook, receiver, happen):
    happen(alice)
    Delivery.objects.update(attempts=10)
    assert run_round() == 0
    delivery = the_delivery()
    assert (delivery.state, delivery.error) == ("failed", attempts.LOST)


def test_claims_a_delivery_for_one_only(alice, webhook, happen):
    happen(alice)
    now = timezone.now()
    [mine] = claim(5, [], now)
    other = Delivery.objects.get(pk=mine.pk)
    other.attempts = 0  # as somebody read it who came a moment later
    assert not attempts.take(other, now)
    assert claim(5, [], now) == []


def test_ends_a_round_when_others_wait_for_the_worker(alice, webhook, happen, monkeypatch):
    monkeypatch.setattr(rounds, "ROUND_SECONDS", 0)
    happen(alice)
    assert run_round() == 0
    assert is_work_left(timezone.now())


# --- the task ---


def test_runs_one_round_at_a_time(alice, webhook, receiver, happen):
    happen(alice)
    cache.add(LOCK, True)
    send_due()
    assert receiver.requests == []
    cache.delete(LOCK)
    send_due()
    assert len(receiver.requests) == 1
    assert cache.get(LOCK) is None


def test_a_round_that_lost_its_place_leaves_the_next_ones_alone(alice, receiver, happen):
    """One that stood still for longer than its lock lives, while another round began."""
    for _ in range(rounds.SENDERS + 1):
        Webhook.objects.create(user=alice, url=receiver.url)
    happen(alice)
    late, next_one = RoundLock(), RoundLock()
    assert late.take()
    cache.delete(LOCK)
    assert next_one.take()
    assert run_round(late.keep) == rounds.SENDERS
    late.drop()
    assert next_one.keep()
    assert run_round(next_one.keep) == 1
    next_one.drop()
    assert cache.get(LOCK) is None


def test_asks_the_database_as_often_for_many_webhooks_as_for_one(
    alice, receiver, happen, django_assert_max_num_queries
):
    for _ in range(20):
        Webhook.objects.create(user=alice, url=receiver.url)
    with django_assert_max_num_queries(20):
        happen(alice)
    assert Delivery.objects.count() == 20
    with django_assert_max_num_queries(2):
        assert not is_work_left(timezone.now() - timedelta(days=1))
