"""Rows are locked in one order, the webhook's first: nobody who changes both waits in a ring."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from tests.running import wait_until
from vms.webhooks.attempts import Outcome, claim, disable, note
from vms.webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def claimed(alice, webhook, happen):
    """Give a delivery whose attempt has been made and is to be noted."""
    happen(alice)
    [delivery] = claim(1, [], timezone.now())
    return delivery


@pytest.fixture
def beside():
    """Do something in another thread, with a connection of its own, until it has to wait."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks no rows")
    with ThreadPoolExecutor(1) as pool:

        def beside(work, *arguments):
            running = pool.submit(work, *arguments)
            wait_until(lambda: running.done() or is_somebody_waiting())
            return running

        yield beside
        pool.submit(connections.close_all).result()


def is_somebody_waiting():
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return cursor.fetchone()[0] > 0


@pytest.mark.parametrize("status", [200, 500])
def test_an_operator_who_disables_a_webhook_waits_for_no_outcome_that_waits(
    claimed, beside, status
):
    with transaction.atomic():
        Webhook.objects.select_for_update(no_key=True).get()  # as far as the operator is
        noting = beside(note, claimed, Outcome(status), timezone.now())
        disable(Webhook.objects.all(), "An operator disabled it.", timezone.now())
    noting.result()
    assert Delivery.objects.get().state == "failed"


def test_a_removal_waits_for_an_outcome_and_takes_the_log_along(claimed, beside, webhook):
    with transaction.atomic():
        Webhook.objects.select_for_update(no_key=True).get()  # as far as `note` is
        removal = beside(webhook.delete)
        note(claimed, Outcome(500), timezone.now())
    removal.result()
    assert not Delivery.objects.exists()


def test_what_comes_of_an_attempt_for_a_removed_webhook_is_nothing(claimed, webhook):
    webhook.delete()
    note(claimed, Outcome(500), timezone.now())
    assert not Delivery.objects.exists()
