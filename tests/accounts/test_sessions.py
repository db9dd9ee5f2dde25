"""GET /api/v1/sessions, POST and DELETE /api/v1/sessions/{id}"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from tests.push.sockets import plain
from vms.accounts.models import Session
from vms.accounts.services import end_other_sessions, forget_sessions, open_session
from vms.api.clients import Client
from vms.api.dates import wire_timestamp

ENDS = pytest.mark.parametrize("method", ["post", "delete"])


@pytest.fixture
def phone(alice) -> Session:
    """Another session of alice, a day old."""
    client = Client("ios-cctv", "D-1", "192.0.2.7")
    return open_session(alice, client, timezone.now() - timedelta(days=1))[0]


def end(client, method, session_id):
    return getattr(client, method)(f"/api/v1/sessions/{session_id}")


def test_lists_my_live_sessions_newest_first(api, alice, phone, mallory):
    client = api(alice)
    open_session(mallory, Client(), timezone.now())
    ended, _pair = open_session(alice, Client(), timezone.now())
    Session.objects.filter(pk=ended.pk).update(revoked_at=timezone.now())
    Session.objects.filter(pk=phone.pk).update(last_used_at=timezone.now())
    body = client.get("/api/v1/sessions").json()
    assert body["meta"]["total"] == 2
    assert [row["is_current"] for row in body["data"]] == [True, False]
    phone.refresh_from_db()
    assert body["data"][1] == {
        "id": phone.pk,
        "client": "ios-cctv",
        "uuid": "D-1",
        "address": "192.0.2.7",
        "created_at": wire_timestamp(phone.created_at),
        "last_used_at": wire_timestamp(phone.last_used_at),
        "expires_at": wire_timestamp(phone.expires_at),
        "is_current": False,
    }


@ENDS
def test_ends_another_session_of_mine(api, alice, phone, method):
    client = api(alice)
    answer = end(client, method, phone.pk)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    phone.refresh_from_db()
    assert phone.revoked_at is not None
    assert client.get("/api/v1/user").status_code == 200


@ENDS
def test_ends_the_session_that_asks(api, alice, method):
    client = api(alice)
    assert end(client, method, Session.objects.get().pk).status_code == 200
    assert client.get("/api/v1/user").status_code == 401


@ENDS
def test_finds_no_session_of_somebody_else(api, mallory, phone, method):
    answer = end(api(mallory), method, phone.pk)
    unknown = end(api(mallory), method, "0" * 32)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})
    assert (unknown.status_code, unknown.json()) == (404, {"message": "Not found."})
    phone.refresh_from_db()
    assert phone.revoked_at is None


@ENDS
@pytest.mark.parametrize(
    "session_id", ["%00", "x", "0" * 33, "A" * 32, "%C3%A9" * 32, "0" * 32 + "%0A"]
)
def test_finds_no_session_where_there_is_no_id(api, alice, method, session_id):
    answer = end(api(alice), method, session_id)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})


@ENDS
def test_finds_no_session_that_ended(api, alice, phone, method):
    client = api(alice)
    end(client, method, phone.pk)
    assert end(client, method, phone.pk).status_code == 404


def test_refuses_strangers(stranger, phone):
    assert stranger.get("/api/v1/sessions").status_code == 401
    assert end(stranger, "post", phone.pk).status_code == 401
    assert end(stranger, "delete", phone.pk).status_code == 401


def test_ends_all_sessions_but_one(alice, phone, mallory):
    now = timezone.now()
    keep, _pair = open_session(alice, Client(), now)
    foreign, _pair = open_session(mallory, Client(), now)
    assert end_other_sessions(alice, keep, now) == 1
    assert set(Session.objects.live(now)) == {keep, foreign}


def test_ends_the_oldest_when_there_are_too_many(alice, mallory, settings, api):
    settings.VMS = {**settings.VMS, "VMS_MAX_SESSIONS_PER_USER": 3}
    now = timezone.now()
    made = [
        open_session(alice, Client(), now - timedelta(hours=hours))[0] for hours in (3, 1, 4, 2)
    ]
    foreign, _pair = open_session(mallory, Client(), now - timedelta(days=9))
    assert set(Session.objects.live(now).filter(user=alice)) == {made[0], made[1], made[3]}
    newest, _pair = open_session(alice, Client(), now)
    assert set(Session.objects.live(now)) == {made[1], made[3], newest, foreign}


def test_keeps_the_new_session_where_one_is_allowed(alice, settings, api):
    settings.VMS = {**settings.VMS, "VMS_MAX_SESSIONS_PER_USER": 1}
    first, second = api(alice), api(alice)
    assert first.get("/api/v1/user").status_code == 401
    assert second.get("/api/v1/user").status_code == 200


def test_counts_no_session_that_ended_or_expired(alice, settings):
    settings.VMS = {**settings.VMS, "VMS_MAX_SESSIONS_PER_USER": 2}
    now = timezone.now()
    kept, _pair = open_session(alice, Client(), now - timedelta(hours=5))
    for ends in ({"revoked_at": now}, {"expires_at": now}):
        other, _pair = open_session(alice, Client(), now - timedelta(hours=1))
        Session.objects.filter(pk=other.pk).update(**ends)
    newest, _pair = open_session(alice, Client(), now)
    assert set(Session.objects.live(now)) == {kept, newest}


@pytest.mark.django_db(transaction=True)
async def test_closes_the_sockets_of_the_oldest_when_there_are_too_many(alice, settings):
    settings.VMS = {**settings.VMS, "VMS_MAX_SESSIONS_PER_USER": 1}
    begin = sync_to_async(open_session)
    phone, _pair = await begin(alice, Client(), timezone.now())
    async with plain(phone) as socket:
        await begin(alice, Client(), timezone.now())
        assert (await socket.receive_json())["type"] == "error"
        assert await socket.closed_with() == 4401


@pytest.mark.django_db(transaction=True)
def test_keeps_the_limit_when_many_sign_in_at_the_same_moment(alice, settings):
    settings.VMS = {**settings.VMS, "VMS_MAX_SESSIONS_PER_USER": 2}
    ready = Barrier(6)

    def begin(_number):
        ready.wait()
        try:
            open_session(alice, Client(), timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(begin, range(6)))
    assert Session.objects.live(timezone.now()).count() == 2


def test_forgets_sessions_long_after_their_end(phone, alice):
    now = timezone.now()
    old = Session.objects.create(user=alice, expires_at=now - timedelta(days=31))
    ended = Session.objects.create(user=alice, expires_at=now + timedelta(days=1), revoked_at=now)
    recent = Session.objects.create(user=alice, expires_at=now - timedelta(days=29))

    assert forget_sessions(now) == 1
    assert not Session.objects.filter(pk=old.pk).exists()
    assert Session.objects.filter(pk__in=[phone.pk, ended.pk, recent.pk]).count() == 3
    assert forget_sessions(now) == 0
