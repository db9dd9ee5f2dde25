"""Webhooks and deliveries on the operator pages: found, switched off and on, no secrets shown."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests.admin.conftest import pages
from vms.webhooks.attempts import disable
from vms.webhooks.models import Delivery, Webhook

__all__ = ["pages"]

pytestmark = pytest.mark.django_db
WEBHOOKS, DELIVERIES = "/admin/webhooks/webhook/", "/admin/webhooks/delivery/"
URL = "https://hooks.example.org/secretpath?secret=hush"


@pytest.fixture
def hers(alice) -> Webhook:
    return Webhook.objects.create(user=alice, url=URL)


@pytest.fixture
def delivery(hers) -> Delivery:
    return Delivery.objects.create(
        webhook=hers, type="archive_generated", body="/storage/secretlink", state="failed"
    )


def test_shows_host_and_log_but_nothing_that_opens_doors(pages, hers, delivery):
    for address in (
        WEBHOOKS,
        DELIVERIES,
        f"{WEBHOOKS}{hers.pk}/change/",
        f"{DELIVERIES}{delivery.pk}/change/",
        f"{WEBHOOKS}{hers.pk}/delete/",
    ):
        answer = pages.get(address)
        assert answer.status_code == 200, address
        assert "https://hooks.example.org/..." in answer.text, address
        for secret in ("secretpath", "hush", "secretlink"):
            assert secret not in answer.text, address


def test_finds_a_webhook_by_each_word(pages, hers, mallory):
    other = Webhook.objects.create(user=mallory, url=URL)
    for words in ("alice", hers.pk, f"alice {timezone.localdate()}"):
        page = pages.get(WEBHOOKS, {"q": words}).text
        assert hers.pk in page, words
        assert other.pk not in page, words
    assert hers.pk not in pages.get(WEBHOOKS, {"q": "2001-01-01"}).text


def test_finds_a_delivery_by_each_word(pages, delivery, mallory):
    other = Delivery.objects.create(webhook=Webhook.objects.create(user=mallory, url=URL))
    for words in ("alice", delivery.key, delivery.webhook_id, f"{timezone.localdate()} alice"):
        page = pages.get(DELIVERIES, {"q": words}).text
        assert f"{DELIVERIES}{delivery.pk}/change/" in page, words
        assert f"{DELIVERIES}{other.pk}/change/" not in page, words
    assert f"{DELIVERIES}{delivery.pk}/" not in pages.get(DELIVERIES, {"q": "nobody"}).text


def test_narrows_deliveries_by_their_state(pages, delivery):
    assert f"{DELIVERIES}{delivery.pk}/" in pages.get(DELIVERIES, {"state__exact": "failed"}).text
    page = pages.get(DELIVERIES, {"state__exact": "pending"}).text
    assert f"{DELIVERIES}{delivery.pk}/" not in page


def test_disables_and_enables(pages, hers):
    for action, is_disabled in (("disable", True), ("enable", False)):
        body = {"action": action, "_selected_action": [hers.pk]}
        assert pages.post(WEBHOOKS, body).status_code == 302
        hers.refresh_from_db()
        assert (hers.disabled_at is not None) is is_disabled
    assert hers.disabled_why == ""


def test_gives_up_what_waits_for_a_webhook_that_is_disabled(hers):
    waiting = Delivery.objects.create(webhook=hers, body="{}", next_attempt_at=timezone.now())
    assert disable(Webhook.objects.all(), "An operator disabled it.", timezone.now()) == 1
    waiting.refresh_from_db()
    assert (waiting.state, waiting.body) == ("failed", "")
    assert disable(Webhook.objects.all(), "again", timezone.now()) == 0


def test_removes_a_webhook_but_no_line_of_the_log(pages, hers, delivery):
    assert pages.post(f"{DELIVERIES}{delivery.pk}/delete/", {"post": "yes"}).status_code == 403
    assert pages.post(f"{WEBHOOKS}{hers.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Delivery.objects.exists()
