"""Downloads of a program that acts for a user."""

from __future__ import annotations

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from downloads.models import Download
from downloads.notifications import announce
from tests import factories
from tests.factories import order_body
from vms.accounts.integration import make_token
from vms.push.models import Event

PATH = "/api/v1/downloads"


@pytest.fixture
def program(alice):
    """A client with a token of alice's."""

    def program(*scopes):
        _row, secret = make_token(
            alice, name="Nightly", scopes=scopes, expires_at=None, now=timezone.now()
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return program


def test_does_all_that_a_session_may(program, yard):
    client = program("downloads")
    [estimate] = client.post(f"{PATH}/estimate", order_body(yard), format="json").json()
    assert estimate["refusal"] is None
    [made] = client.post(PATH, order_body(yard), format="json").json()
    one = f"{PATH}/{made['id']}"
    [listed] = client.get(PATH).json()["data"]
    assert listed == client.get(one).json()
    assert listed["id"] == made["id"]
    assert listed["user"]["access_token_id"] is None
    assert client.post(f"{one}/cancel").json()["status"] == "cancelled"
    assert client.post(f"{one}/repeat").json()["status"] == "queued"
    assert client.delete(one).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", PATH),
        ("post", PATH),
        ("post", f"{PATH}/estimate"),
        ("get", f"{PATH}/1"),
        ("delete", f"{PATH}/1"),
        ("post", f"{PATH}/1/repeat"),
        ("post", f"{PATH}/1/cancel"),
    ],
)
def test_needs_the_scope_for_each_call(program, method, path):
    answer = getattr(program("links"), method)(path)
    assert answer.status_code == 403
    assert answer.json() == {"message": "This token does not have the scope downloads."}


def test_sees_what_its_owner_sees(program, mallory, yard):
    foreign = factories.download(mallory, job=factories.job())
    hidden = factories.recorded(owner=mallory)
    client = program("downloads")
    assert client.get(f"{PATH}/{foreign.pk}").status_code == 404
    assert client.post(PATH, order_body(hidden), format="json").status_code == 422


def test_has_its_files_announced_to_its_owner(program, alice, yard):
    program("downloads").post(PATH, order_body(yard), format="json")
    download = Download.objects.select_related("job").get()
    assert download.session_id == ""
    factories.finish(download.job)
    download.refresh_from_db()
    announce(download, timezone.now())
    event = Event.objects.get()
    assert (event.user_id, event.session_id) == (alice.pk, "")


def test_is_no_operator(operator):
    _row, secret = make_token(
        operator, name="x", scopes=["downloads", "links"], expires_at=None, now=timezone.now()
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert client.get(PATH).status_code == 200
    assert client.get("/api/admin/v1/downloads").status_code == 403
