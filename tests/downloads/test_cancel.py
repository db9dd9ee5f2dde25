"""POST /api/v1/downloads/{id}/cancel"""

from __future__ import annotations

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests import factories
from vms.push.models import Event

PATHS = ("/api/v1/downloads", "/api/v1/users/downloads")


def cancel(client, download_id, path=PATHS[0]):
    return client.post(f"{path}/{download_id}/cancel")


@pytest.mark.parametrize("path", PATHS)
def test_takes_a_queued_job_off_the_queue(api, alice, path):
    download = factories.download(alice, job=factories.job())
    answer = cancel(api(alice), download.pk, path)
    assert answer.status_code == 200
    record = answer.json()
    assert (record["id"], record["status"], record["error"]) == (download.pk, "cancelled", None)
    download.refresh_from_db()
    assert download.cancelled_at is not None
    assert download.job.state == "cancelled"


def test_asks_the_worker_of_a_running_job_to_stop(api, alice):
    download = factories.download(alice, job=factories.job(state="running"))
    assert cancel(api(alice), download.pk).json()["status"] == "cancelled"
    download.job.refresh_from_db()
    assert (download.job.state, download.job.cancel_requested) == ("running", True)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_leaves_the_job_to_others_who_wait_for_it(api, alice, bob, state):
    job = factories.job(state=state)
    hers, his = factories.download(alice, job=job), factories.download(bob, job=job)
    client = api(bob)
    cancel(api(alice), hers.pk)
    job.refresh_from_db()
    assert (job.state, job.cancel_requested) == (state, False)
    assert client.get(f"{PATHS[0]}/{his.pk}").json()["status"] != "cancelled"
    cancel(client, his.pk)
    job.refresh_from_db()
    assert job.cancel_requested


def test_answers_the_same_the_second_time_and_tells_nobody(api, alice):
    download = factories.download(alice, job=factories.job())
    client = api(alice)
    first, second = cancel(client, download.pk), cancel(client, download.pk)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert not Event.objects.exists()


def test_has_no_file_even_when_the_worker_was_quicker(api, alice):
    job = factories.finish(factories.job())
    download = factories.download(alice, job=job, cancelled_at=timezone.now())
    record = api(alice).get(f"{PATHS[0]}/{download.pk}").json()
    assert (record["status"], record["is_file_exists"], record["url"]) == ("cancelled", False, None)


def test_refuses_a_stranger(alice):
    download = factories.download(alice, job=factories.job())
    assert cancel(APIClient(), download.pk).status_code == 401


def test_answers_a_foreign_id_as_an_unknown_one(api, alice, bob, mallory):
    download = factories.download(alice, job=factories.job())
    for user in (bob, mallory):
        client = api(user)
        foreign, unknown = cancel(client, download.pk), cancel(client, download.pk + 1000)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.content == unknown.content
    download.job.refresh_from_db()
    assert download.job.state == "queued"


@pytest.mark.parametrize("state", ["ready", "failed", "expired"])
def test_refuses_what_has_ended(api, alice, state):
    download = factories.download(alice, job=factories.job(state=state))
    answer = cancel(api(alice), download.pk)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"download"}
