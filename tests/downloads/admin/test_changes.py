"""GET, DELETE, repeat and cancel of /api/admin/v1/downloads/{id}"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from downloads.models import Download
from tests import factories
from vms.push.models import Event

PATH = "/api/admin/v1/downloads"


@pytest.fixture
def stream(yard):
    return yard.streams.get()


@pytest.fixture
def expired(alice, stream) -> Download:
    return factories.ready_download(alice, stream=stream, now=timezone.now() - timedelta(hours=4))


def test_makes_a_file_again_under_the_owners_record(api, alice, operator, expired):
    answer = api(operator).post(f"{PATH}/{expired.pk}/repeat")

    assert answer.status_code == 200, answer.content
    record = answer.json()
    assert (record["id"], record["user_id"]) == (expired.pk, alice.pk)
    assert (record["status"], record["url"]) == ("queued", None)
    assert record["stream"]["camera"]["name"] == "Yard"


def test_tells_the_owner_of_a_file_that_is_kept_longer(api, alice, operator, stream):
    download = factories.ready_download(alice, stream=stream)

    api(operator).post(f"{PATH}/{download.pk}/repeat")

    assert Event.objects.get().user_id == alice.pk


@pytest.mark.parametrize("status", ["blocked", None])
def test_repeats_nothing_for_an_owner_who_may_not_watch(
    api, alice, operator, yard, expired, status
):
    if status is None:
        yard.access.all().delete()
    else:
        factories.grant(alice, yard, status=status)

    answer = api(operator).post(f"{PATH}/{expired.pk}/repeat")

    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"download"}


def test_repeats_nothing_that_is_in_progress(api, alice, operator, stream):
    download = factories.download(alice, job=factories.job(stream=stream))

    assert api(operator).post(f"{PATH}/{download.pk}/repeat").status_code == 422


def test_cancels_for_the_owner(api, alice, operator, stream):
    download = factories.download(alice, job=factories.job(stream=stream))
    client = api(operator)

    first, second = (client.post(f"{PATH}/{download.pk}/cancel") for _ in range(2))

    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert first.json() == second.json()
    download.job.refresh_from_db()
    assert download.job.state == "cancelled"


def test_cancels_nothing_that_has_ended(api, operator, expired):
    assert api(operator).post(f"{PATH}/{expired.pk}/cancel").status_code == 422


def test_deletes_record_and_file(
    api, alice, operator, stream, settings, django_capture_on_commit_callbacks
):
    download = factories.ready_download(alice, stream=stream)
    path = settings.STORAGE_DIR / download.job.file
    client = api(operator)

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.delete(f"{PATH}/{download.pk}")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert not Download.objects.exists()
    assert not path.exists()
    assert client.delete(f"{PATH}/{download.pk}").status_code == 404


@pytest.mark.parametrize("number", ["999999", str(2**63), "9" * 40])
@pytest.mark.parametrize(
    ("method", "call"), [("get", ""), ("delete", ""), ("post", "/repeat"), ("post", "/cancel")]
)
def test_answers_404_to_what_is_not_there(api, operator, number, method, call):
    answer = getattr(api(operator), method)(f"{PATH}/{number}{call}")

    assert answer.status_code == 404
    assert answer.json() == {"message": "Not found."}


@pytest.mark.parametrize("method", ["put", "patch"])
def test_answers_405_to_other_methods(api, operator, expired, method):
    assert getattr(api(operator), method)(f"{PATH}/{expired.pk}").status_code == 405
