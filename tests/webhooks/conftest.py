"""A receiver on loopback that the settings allow, webhooks, and rounds of sending."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.downloads.conftest import broker, no_broker
from tests.push.conftest import alice_session, valkey
from tests.webhooks.receivers import receiving, write_certificates
from vms.push.publish import record_event
from vms.webhooks.models import Delivery, Webhook
from vms.webhooks.rounds import run_round

__all__ = ["alice_session", "broker", "no_broker", "valkey"]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


@pytest.fixture(scope="session")
def listening(certificates):
    with receiving(certificates) as receiver:
        yield receiver


@pytest.fixture
def receiver(listening):
    """Give the receiver of all tests, with nothing in it of the test before."""
    listening.__init__(listening.port)
    return listening


@pytest.fixture
def set_to(settings, monkeypatch):
    def set_to(**values):
        for name, value in values.items():
            monkeypatch.setitem(settings.VMS, name, value)

    return set_to


@pytest.fixture(autouse=True)
def loopback_allowed(set_to, certificates):
    set_to(
        VMS_WEBHOOK_ALLOWED_NETWORKS=["127.0.0.0/8"],
        VMS_WEBHOOK_CA_FILE=certificates / "ca.pem",
        VMS_WEBHOOK_TIMEOUT_SECONDS=30,  # ends only tests that fail
    )


@pytest.fixture
def webhook(alice, receiver) -> Webhook:
    """Alice's webhook at the receiver."""
    return Webhook.objects.create(user=alice, url=receiver.url)


@pytest.fixture
def happen():
    """Let something happen to a user, as far as webhooks hear of it."""

    def happen(user, number=1, session_id=""):
        body = {"type": "archive_generated", "status": "ok", "data": {"number": number}}
        return record_event(user_id=user.pk, session_id=session_id, body=body, now=timezone.now())

    return happen


def let_time_pass(**span):
    """Move all that waits into the past by so much, instead of waiting."""
    for delivery in Delivery.objects.exclude(next_attempt_at=None):
        delivery.next_attempt_at -= timedelta(**span)
        delivery.save()
    for webhook in Webhook.objects.exclude(quiet_until=None):
        webhook.quiet_until -= timedelta(**span)
        webhook.save()


def try_again() -> int:
    """Let an hour pass and make one round."""
    let_time_pass(hours=1)
    return run_round()
