"""Sessions and events on the operator pages: found by their words, ended, never written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from vms.accounts.models import Session
from vms.accounts.services import end_sessions, open_session
from vms.api.clients import Client
from vms.push.publish import record_event

pytestmark = pytest.mark.django_db
SESSIONS, EVENTS = "/admin/accounts/session/", "/admin/push/event/"


@pytest.fixture
def session(alice) -> Session:
    return open_session(alice, Client("web", "D-1", "192.0.2.7"), timezone.now())[0]


def test_finds_a_session_by_each_word(pages, session, mallory):
    other = open_session(mallory, Client("tv", "D-2", "192.0.2.8"), timezone.now())[0]
    day = timezone.localdate().isoformat()
    for words in ("alice", "D-1", "192.0.2.7", session.pk, f"ali {day}"):
        page = pages.get(SESSIONS, {"q": words}).text
        assert session.pk in page, words
        assert other.pk not in page, words
    assert session.pk not in pages.get(SESSIONS, {"q": "2001-01-01"}).text


def test_tells_open_sessions_from_ended_ones(pages, session, mallory):
    ended = open_session(mallory, Client("web", "D-2", "192.0.2.8"), timezone.now())[0]
    end_sessions(Session.objects.filter(pk=ended.pk), timezone.now())
    past = open_session(mallory, Client("web", "D-3", "192.0.2.9"), timezone.now())[0]
    Session.objects.filter(pk=past.pk).update(expires_at=timezone.now() - timedelta(days=1))
    shown = {
        state: {row.pk for row in (session, ended, past) if row.pk in page}
        for state in ("open", "ended")
        for page in [pages.get(SESSIONS, {"state": state}).text]
    }
    assert shown == {"open": {session.pk}, "ended": {ended.pk, past.pk}}


def test_deletes_no_session(pages, session):
    assert pages.post(f"{SESSIONS}{session.pk}/delete/", {"post": "yes"}).status_code == 403


def test_leads_from_a_user_to_the_sessions(pages, session):
    link = f"{SESSIONS}?user__id__exact={session.user_id}"
    assert link in pages.get(f"/admin/accounts/user/{session.user_id}/change/").text
    assert session.pk in pages.get(link).text


def test_finds_an_event_by_each_word(pages, session, mallory):
    now = timezone.now()
    event = record_event(user_id=session.user_id, session_id=session.pk, body={}, now=now)
    record_event(user_id=mallory.pk, session_id="", body={}, now=now)
    for words in ("alice", session.pk, f"{event.pk}", f"alice {timezone.localdate()}"):
        page = pages.get(EVENTS, {"q": words}).text
        assert f"{EVENTS}{event.pk}/change/" in page, words
        assert "mallory" not in page, words
