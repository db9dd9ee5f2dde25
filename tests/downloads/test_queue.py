"""What clients see of the queue: their place in it, and when it is full."""

from __future__ import annotations

import pytest
import structlog
from celery import current_app
from django.utils import timezone

from exports import states
from exports.models import ExportJob
from exports.runner import run_next
from tests import factories
from tests.factories import order_body

PATH = "/api/v1/downloads"


@pytest.fixture
def full(settings):
    """Let so many jobs wait."""

    def full(most):
        settings.VMS = {**settings.VMS, "VMS_EXPORT_MAX_QUEUED": most}

    return full


def post(client, path=PATH, body=None):
    return client.post(path, body or {}, format="json")


def order(client, camera, second=0):
    return post(client, body=order_body(camera, seconds=60 + second))


def test_an_order_tells_its_place(api, alice, mallory, yard):
    factories.grant(mallory, yard)
    client = api(alice)
    assert [order(client, yard, n).json()[0]["queue_position"] for n in range(3)] == [1, 2, 3]
    # Mallory's first one is not behind all of alice's.
    assert order(api(mallory), yard, 9).json()[0]["queue_position"] <= 3


def test_the_place_is_in_lists_and_records(api, alice, operator, yard):
    client = api(alice)
    made = [order(client, yard, n).json()[0]["id"] for n in range(3)]
    listed = {item["id"]: item["queue_position"] for item in client.get(PATH).json()["data"]}
    assert [listed[pk] for pk in made] == [1, 2, 3]
    assert client.get(f"{PATH}/{made[1]}").json()["queue_position"] == 2
    everybodys = api(operator).get("/api/admin/v1/downloads").json()["data"]
    assert {item["id"]: item["queue_position"] for item in everybodys} == listed


def test_only_what_waits_has_a_place(api, alice, yard):
    client = api(alice)
    first, second = (order(client, yard, n).json()[0]["id"] for n in range(2))
    states.claim_next("", "worker", timezone.now())
    assert client.get(f"{PATH}/{first}").json()["queue_position"] is None
    assert client.get(f"{PATH}/{second}").json()["queue_position"] == 1
    cancelled = post(client, f"{PATH}/{second}/cancel").json()
    assert (cancelled["status"], cancelled["queue_position"]) == ("cancelled", None)


def test_a_repeated_one_waits_again(api, alice, yard):
    stream = yard.streams.get()
    old = factories.download(alice, job=factories.fail(factories.job(stream=stream)))
    assert post(api(alice), f"{PATH}/{old.pk}/repeat").json()["queue_position"] == 1


def test_a_full_queue_refuses_and_says_when_to_come_again(api, alice, yard, full):
    client = api(alice)
    full(2)
    assert [order(client, yard, n).status_code for n in range(2)] == [200, 200]
    refused = order(client, yard, 2)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "30"
    assert "all the work it can take" in refused.json()["message"]
    assert ExportJob.objects.count() == 2
    states.claim_next("", "worker", timezone.now())
    assert order(client, yard, 2).status_code == 200


def test_a_full_queue_refuses_repeats_too_but_keeps_files_that_are_there(api, alice, yard, full):
    stream = yard.streams.get()
    gone = factories.download(alice, job=factories.fail(factories.job(stream=stream)))
    there = factories.ready_download(alice, stream=stream)
    full(1)
    client = api(alice)
    order(client, yard)
    assert post(client, f"{PATH}/{gone.pk}/repeat").status_code == 429
    assert post(client, f"{PATH}/{there.pk}/repeat").status_code == 200


def test_what_a_worker_logs_of_a_job_bears_the_id_of_its_order(api, alice, yard, caplog):
    """Not that of the message which woke the worker: it may be of somebody else's order."""
    body = order_body(yard)
    api(alice).post(PATH, body, format="json", headers={"X-Request-ID": "the-order"})
    with structlog.contextvars.bound_contextvars(request_id="another-one"):
        run_next("", lambda _job, _percent: None)
    [said] = [record.msg for record in caplog.records if record.name == "exports.runner"]
    assert (said["event"], said["request_id"]) == ("export attempt failed", "the-order")


def test_wakes_the_workers_beside_the_archive(
    api, alice, yard, django_capture_on_commit_callbacks, monkeypatch
):
    sent = []
    monkeypatch.setattr(
        current_app,
        "send_task",
        lambda name, args, **options: sent.append((args, options["queue"])),
    )
    yard.streams.update(node="east")
    with django_capture_on_commit_callbacks(execute=True):
        order(api(alice), yard)
    assert sent == [(["east"], "exports.east")]
    assert ExportJob.objects.get().node == "east"
