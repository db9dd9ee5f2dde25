from __future__ import annotations

import pytest
from django.utils import timezone

from vms.accounts.models import Session
from vms.push.tickets import take_ticket

URL = "/api/v1/ws-ticket"

pytestmark = pytest.mark.django_db


def test_gives_a_ticket_that_works_once(client, alice, sign_in):
    signed_in = sign_in(alice)
    answer = client.post(URL, HTTP_AUTHORIZATION=signed_in.bearer)
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 30
    ticket = answer.json()["ticket"]
    assert take_ticket(ticket) == signed_in.session_id
    assert take_ticket(ticket) is None


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_refuses_a_stranger(client, headers):
    answer = client.post(URL, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthenticated."}


def test_refuses_a_revoked_session(client, alice, sign_in):
    signed_in = sign_in(alice)
    Session.objects.update(revoked_at=timezone.now())
    assert client.post(URL, HTTP_AUTHORIZATION=signed_in.bearer).status_code == 401


def test_says_when_the_broker_is_away(client, alice, sign_in, settings):
    signed_in = sign_in(alice)
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    answer = client.post(URL, HTTP_AUTHORIZATION=signed_in.bearer)
    assert answer.status_code == 503
    assert set(answer.json()) == {"message"}
