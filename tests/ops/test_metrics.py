"""What Prometheus and whoever watches are told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from exports.models import ExportJob
from tests import factories
from vms.ops import readiness
from vms.push.models import Event

pytestmark = pytest.mark.django_db


def figures(client, **headers):
    answer = client.get("/metrics", **headers)
    assert answer.status_code == 200, answer.content
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_counts_what_waits_and_how_long(client, alice):
    stream = factories.stream(factories.camera(owner=alice))
    waiting = factories.job(stream=stream)
    ExportJob.objects.filter(pk=waiting.pk).update(
        queued_at=timezone.now() - timedelta(seconds=90), node="attic"
    )

    found = figures(client)

    assert found["vms_exports", "attic", "queued"] == 1
    assert 90 <= found["vms_export_queue_age_seconds", "attic"] < 150


def test_tells_how_exports_ended_and_what_they_took(client, alice):
    stream = factories.stream(factories.camera(owner=alice))
    now = timezone.now()
    factories.fail(factories.job(stream=stream), code="no_footage")
    made = factories.finish(factories.job(stream=stream, seconds=100))
    ExportJob.objects.filter(pk=made.pk).update(
        started_at=now - timedelta(seconds=5), finished_at=now, size=1000
    )

    found = figures(client)

    assert found["vms_exports_ended_last_hour", "no_footage", "failed"] == 1
    assert found["vms_exports_ended_last_hour", "", "ready"] == 1
    assert found["vms_export_work_seconds_last_hour", "0.95"] == 5
    assert found["vms_export_work_to_footage_last_hour", "1.0"] == pytest.approx(
        5 / made.interval.duration.total_seconds()
    )
    assert (found[("vms_files",)], found[("vms_files_bytes",)]) == (1, 1000)


def test_tells_what_nobody_heard_yet_and_how_late_the_index_is(client, alice):
    now = timezone.now()
    Event.objects.create(user=alice, number=1, body={}, created_at=now - timedelta(seconds=40))
    stream = factories.stream(factories.camera(owner=alice))
    factories.segment(stream, begin=now - timedelta(seconds=100), seconds=60)
    factories.stream(factories.camera(owner=alice, name="Unused"))

    found = figures(client)

    assert found[("vms_events_unsent",)] == 1
    assert 40 <= found[("vms_events_unsent_age_seconds",)] < 100
    assert found[("vms_streams",)] == 1
    assert 40 <= found["vms_archive_lag_seconds", "1.0"] < 100
    assert found["vms_free_bytes", "storage"] > 0


def test_costs_the_same_queries_whatever_there_is(client, alice, django_assert_max_num_queries):
    for number in range(5):
        stream = factories.stream(factories.camera(owner=alice, name=f"Camera {number}"))
        factories.segment(stream, begin=timezone.now() - timedelta(minutes=1))
        factories.job(stream=stream)

    with django_assert_max_num_queries(8):
        figures(client)


@pytest.mark.parametrize(
    ("address", "forwarded", "allowed"),
    [
        ("127.0.0.1", None, True),
        ("192.0.2.7", None, False),
        # A proxy on this machine that nobody named: whoever asks is hidden behind it.
        ("127.0.0.1", "192.0.2.7", False),
        ("127.0.0.1", "127.0.0.1", False),
    ],
)
def test_answers_the_addresses_it_is_told_to(client, address, forwarded, allowed):
    headers = {"REMOTE_ADDR": address}
    if forwarded:
        headers["HTTP_X_FORWARDED_FOR"] = forwarded

    assert client.get("/metrics", **headers).status_code == (200 if allowed else 403)


def test_is_asked_through_a_trusted_proxy(client, settings):
    settings.VMS = {
        **settings.VMS,
        "VMS_TRUSTED_PROXIES": ["127.0.0.1"],
        "VMS_METRICS_ALLOWED": ["192.0.2.0/24"],
    }

    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="192.0.2.7").status_code == 200
    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="198.51.100.1").status_code == 403
    assert client.get("/metrics").status_code == 403


def test_says_which_part_is_not(client, settings, tmp_path):
    readiness.started.cache_clear()
    wrong = tmp_path / "no-ffmpeg"
    settings.VMS = {**settings.VMS, "VMS_FFMPEG": wrong, "VMS_EXPORT_RESERVE_BYTES": 2**60}
    settings.REDIS_URL = "redis://:hidden@127.0.0.1:1/0"

    answer = client.get("/readyz")

    readiness.started.cache_clear()
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert parts["database"] == "ok"
    assert parts["broker"] == "The broker does not answer."
    assert parts["storage"] == "The storage folder has no room beyond the reserve."
    assert parts["ffmpeg"] == "There is no ffmpeg that runs."
    assert "hidden" not in answer.content.decode()
    assert str(tmp_path) not in answer.content.decode()
