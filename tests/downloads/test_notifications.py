from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.notifications import announce, announce_job
from tests import factories
from vms.push.models import Event

SESSION = "5" * 32


def test_tells_the_owner_that_the_file_is_there(alice, yard):
    now = timezone.now()
    job = factories.finish(factories.job(stream=yard.streams.get()), now=now)
    download = factories.download(
        alice, job=job, session_id=SESSION, origin="https://vms.example.org"
    )
    assert announce(download, now)
    event = Event.objects.get()
    assert (event.user_id, event.session_id, event.created_at) == (alice.pk, SESSION, now)
    assert set(event.body) == {"type", "status", "data"}
    assert (event.body["type"], event.body["status"]) == ("archive_generated", "ok")
    record = event.body["data"]["download"]
    assert record["id"] == download.pk
    assert record["url"].startswith(f"https://vms.example.org/storage/{download.secret}/")
    assert (record["is_file_exists"], record["error"]) == (True, None)


def test_tells_the_owner_why_there_is_no_file(alice):
    job = factories.fail(factories.job(), code="no_room", message="No room left.")
    download = factories.download(alice, job=job)
    assert announce(download, timezone.now())
    body = Event.objects.get().body
    assert (body["type"], body["status"]) == ("archive_generated", "error")
    record = body["data"]["download"]
    assert (record["url"], record["is_file_exists"], record["status"]) == (None, False, "failed")
    assert record["error"] == {"code": "no_room", "message": "No room left."}


def test_starts_the_life_of_the_link(alice):
    now = timezone.now()
    download = factories.download(alice, job=factories.finish(factories.job(), now=now))
    announce(download, now)
    download.refresh_from_db()
    assert download.announced_at == now
    assert download.expires_at == now + timedelta(hours=3)


def test_says_the_same_in_the_push_and_in_the_row(api, alice):
    download = factories.download(
        alice, job=factories.finish(factories.job()), origin="http://testserver"
    )
    announce(download, timezone.now())
    pushed = Event.objects.get().body["data"]["download"]
    shown = api(alice).get(f"/api/v1/downloads/{download.pk}").json()
    assert pushed == {key: shown[key] for key in pushed}


def test_announces_once(alice):
    download = factories.download(alice, job=factories.finish(factories.job()))
    late = type(download).objects.select_related("job").get()
    now = timezone.now()
    assert announce(download, now)
    assert not announce(download, now)
    assert not announce(late, now)
    assert announce_job(download.job, now) == 0
    assert Event.objects.count() == 1


def test_tells_all_who_share_the_file(alice, bob, mallory):
    job = factories.finish(factories.job())
    made = [factories.download(user, job=job) for user in (alice, alice, bob, mallory)]
    assert announce_job(job, timezone.now()) == 4
    told = Event.objects.order_by("pk")
    assert [event.body["data"]["download"]["id"] for event in told] == [one.pk for one in made]
    assert [event.user_id for event in told] == [one.user_id for one in made]
    urls = {event.body["data"]["download"]["url"] for event in told}
    assert len(urls) == 4


def test_tells_nobody_who_cancelled(alice, bob):
    job = factories.finish(factories.job())
    gone = factories.download(alice, job=job, cancelled_at=timezone.now())
    factories.download(bob, job=job)
    assert not announce(gone, timezone.now())
    assert announce_job(job, timezone.now()) == 1
    assert Event.objects.get().user_id == bob.pk


@pytest.mark.parametrize("state", ["queued", "running", "cancelled", "expired"])
def test_says_nothing_of_a_job_that_has_not_ended_so(alice, state):
    download = factories.download(alice, job=factories.job(state=state))
    assert not announce(download, timezone.now())
    assert not Event.objects.exists()


def test_says_nothing_for_a_record_that_has_another_job_by_now(alice):
    download = factories.download(alice, job=factories.fail(factories.job()))
    late = type(download).objects.select_related("job").get()
    download.job = factories.job()
    download.save()
    assert not announce(late, timezone.now())
    assert not Event.objects.exists()
