"""The end of a job and the events that tell of it are in the database together or not at all."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from downloads import notifications, services
from downloads.models import Download
from downloads.upkeep import tell_untold
from exports import endings, states
from exports.models import ExportJob
from tests import factories
from vms.push.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

TTL = timedelta(hours=3)


def running(stream=None):
    job = factories.job(stream=stream)
    return states.claim(job.pk, "worker", timezone.now())


def finish(job):
    return states.finish(job, timezone.now(), TTL, file="aa/ready.mp4", size=1)


def told():
    return [(event.user_id, event.body["status"]) for event in Event.objects.order_by("pk")]


def test_a_finished_job_has_its_events(alice, bob):
    job = running()
    for user in (bob, alice, bob):
        factories.download(user, job=job)
    assert finish(job)
    assert told() == [(alice.pk, "ok"), (bob.pk, "ok"), (bob.pk, "ok")]
    assert not Download.objects.filter(announced_at=None).exists()


def test_a_failed_job_has_its_event(alice):
    job = running()
    factories.download(alice, job=job)
    assert states.fail(job, timezone.now(), "no_footage", "Nothing there.")
    assert told() == [(alice.pk, "error")]


def test_a_job_that_wore_out_its_workers_has_its_event(alice):
    job = running()
    factories.download(alice, job=job)
    states.requeue_lost(timezone.now() + TTL, timedelta(minutes=1), 1)
    assert told() == [(alice.pk, "error")]


def test_a_lost_lease_tells_nobody(alice):
    job = running()
    factories.download(alice, job=job)
    ExportJob.objects.update(owner="another")
    assert not finish(job)
    assert told() == []


def test_a_transaction_that_dies_leaves_neither(alice):
    """As when the process is killed between the two: the database takes both back."""
    job = running()
    factories.download(alice, job=job)

    def die():
        with transaction.atomic():
            finish(job)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()
    job.refresh_from_db()
    assert job.state == "running"
    assert told() == []


def test_events_that_cannot_be_written_do_not_cost_the_file(alice, monkeypatch):
    job = running()
    factories.download(alice, job=job)

    def broken(*_arguments, **_named):
        raise ValueError

    with monkeypatch.context() as patched:
        patched.setattr(notifications, "record_event", broken)
        assert finish(job)
    job.refresh_from_db()
    assert (job.state, told()) == ("ready", [])
    tell_untold(timezone.now())
    assert told() == [(alice.pk, "ok")]


def test_a_broker_that_is_away_costs_neither(alice, settings):
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
        }
    }
    job = running()
    factories.download(alice, job=job)
    notifications.Hush.until = 0.0
    assert finish(job)
    notifications.Hush.until = 0.0
    job.refresh_from_db()
    assert job.state == "ready"
    [event] = Event.objects.all()
    assert event.sent_at is None


def test_the_last_progress_is_sent_before_the_event(alice, monkeypatch):
    said = []
    monkeypatch.setattr("vms.push.publish.send_to_groups", lambda *sent: said.append(sent) or True)
    job = running()
    factories.download(alice, job=job)
    finish(job)
    bodies = [sent[0][0][1]["body"]["data"] for sent in said]
    assert [body["type"] for body in bodies] == ["archive_progress", "archive_generated"]
    assert bodies[0]["data"]["percent"] == 100


def test_progress_leaves_a_broker_that_is_away_alone_for_a_while(alice, monkeypatch):
    asked = []
    monkeypatch.setattr("vms.push.publish.send_to_groups", lambda *sent: asked.append(sent))
    monkeypatch.setattr(notifications.Hush, "until", 0.0)
    job = running()
    factories.download(alice, job=job)
    factories.download(alice, job=job)
    for percent in (1, 2, 3):
        notifications.tell_progress(job, percent)
    assert len(asked) == 1


def test_an_end_and_a_cancellation_at_once_wait_for_each_other(alice, bob):
    """Both write the record and the job: in another order they would wait in a ring."""
    for _ in range(5):
        job = running()
        hers = factories.download(alice, job=job)
        factories.download(bob, job=job)
        gate = Barrier(2)
        failures = []

        def beside(work, gate=gate, failures=failures):
            def run():
                gate.wait()
                try:
                    work()
                except services.InvalidData:
                    pass  # the end came first
                except Exception as error:  # noqa: BLE001 - told by the test
                    failures.append(error)
                finally:
                    connection.close()

            thread = Thread(target=run)
            thread.start()
            return thread

        cancels = beside(lambda hers=hers: services.cancel(hers, timezone.now()))
        ends = beside(lambda job=job: finish(job))
        cancels.join()
        ends.join()
        assert failures == []
        job.refresh_from_db()
        assert job.state == "ready"
        assert Event.objects.filter(user=bob).count() == 1
        assert Event.objects.filter(user=alice).count() <= 1
        Event.objects.all().delete()


def test_witnesses_hold_their_rows_before_the_job_ends(monkeypatch):
    order = []

    class Witness:
        def hold(self, job_id):
            order.append(("hold", ExportJob.objects.get(pk=job_id).state))

        def tell(self, job_id, _now):
            order.append(("tell", ExportJob.objects.get(pk=job_id).state))

    monkeypatch.setattr(endings, "witnesses", [Witness()])
    finish(running())
    assert order == [("hold", "running"), ("tell", "ready")]
