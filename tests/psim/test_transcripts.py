"""The documented examples, played against us: the same request, the answer compared key by key.

What differs from one request to the next (ids, the host, the token) has to have the same form.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exports.psim.models import ArchiveTask
from tests import factories

SAMPLES = json.loads((Path(__file__).parent / "samples" / "transcripts.json").read_text())
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The clock of the documented answers to a status is that of Moscow.
MOSCOW = "Europe/Moscow"


@pytest.fixture
def gate(alice):
    """The camera of the examples, which its operator calls 1, recorded on both of their days."""
    camera = factories.camera(owner=alice)
    camera.external_id = "1"
    camera.save()
    stream = factories.stream(camera)
    for year in (2016, 2022):
        factories.segment(stream, begin=datetime(year, 6, 27, 12, 0, tzinfo=UTC), seconds=12_600)
    return camera


def test_an_order_is_answered_as_documented(psim, alice, gate):
    # The documentation answers with another year than it asks for.
    request = SAMPLES["create"]["request"]
    documented = {
        **SAMPLES["create"]["answer"],
        "From": request["From"],
        "To": request["To"],
    }

    answer = psim(alice).post(request)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    ours = answer.json()
    assert list(ours) == list(documented)
    assert UUID.fullmatch(ours["ArchiveTaskId"])
    assert {**ours, "ArchiveTaskId": documented["ArchiveTaskId"]} == documented


def test_a_status_is_answered_as_documented(psim, alice, gate, settings):
    settings.TIME_ZONE = MOSCOW
    settings.ALLOWED_HOSTS = ["192.168.15.182"]
    documented = SAMPLES["status"]["answer"]
    client = psim(alice)
    client.client.defaults["HTTP_HOST"] = "192.168.15.182:80"
    made = client.create("1", "2016-06-27T12:10:00Z", "2016-06-27T12:11:00Z").json()
    task = ArchiveTask.objects.get(task_id=made["ArchiveTaskId"])
    ArchiveTask.objects.update(task_id=uuid.UUID(documented["ArchiveTaskId"]))
    factories.finish(task.download.job)

    answer = client.status(documented["ArchiveTaskId"])

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert list(answer.json().items()) == list(documented.items())


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_token_is_answered_as_documented(psim, alice, method):
    documented = SAMPLES["token"]["answer"]

    answer = getattr(psim(alice).client, method)("/token?expires_in=1800")

    assert answer.status_code == 200
    ours = answer.json()
    assert list(ours) == list(documented)
    assert re.fullmatch(r"[A-Za-z0-9_-]{32,}", ours["access_token"])
    assert {**ours, "access_token": documented["access_token"]} == documented
