"""How often the API asks the database: no more for many rows than for few."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from exports.models import ExportJob
from tests import factories
from vms.accounts.integration import make_token
from vms.accounts.services import open_session
from vms.api.clients import Client
from vms.push.models import Event
from vms.webhooks.models import Delivery, Webhook

MOST_FOR_A_LIST = 8
MOST_FOR_AN_ORDER = 25
CAMERAS = 16
DOWNLOADS = "/api/v1/downloads"
WEBHOOK = "w" * 32


def make_downloads(user, count):
    """Records in every state, each of a camera and a job of its own."""
    for number in range(count):
        camera = factories.recorded(owner=user, name=f"Camera {number}")
        stream = camera.streams.get()
        if number % 2:
            factories.ready_download(user, stream=stream)
        else:
            factories.download(user, job=factories.job(stream=stream))


def make_cameras(user, count):
    for number in range(count):
        camera = factories.recorded(owner=user, name=f"Camera {number}")
        factories.stream(camera, type="low", url="rtsp://camera.example/low")


def make_sessions(user, count):
    for _ in range(count):
        open_session(user, Client(name="web"), timezone.now())


def make_tokens(user, count):
    now = timezone.now()
    for number in range(count):
        expires_at = now + timedelta(days=1)
        make_token(user, name=f"{number}", scopes=["downloads"], expires_at=expires_at, now=now)


def make_webhooks(user, count):
    for number in range(count):
        Webhook.objects.create(user=user, url=f"https://example.org/{number}")


def make_deliveries(user, count):
    known = {"user": user, "url": "https://example.org/"}
    webhook, _ = Webhook.objects.get_or_create(pk=WEBHOOK, defaults=known)
    for _ in range(count):
        Delivery.objects.create(webhook=webhook, type="test")


# Who asks, and how rows for them are made.
LISTS = {
    DOWNLOADS: ("alice", make_downloads),
    "/api/v1/users/downloads": ("alice", make_downloads),
    "/api/v1/cameras": ("alice", make_cameras),
    "/api/v1/sessions": ("alice", make_sessions),
    "/api/v1/integration-tokens": ("alice", make_tokens),
    "/api/v1/webhooks": ("alice", make_webhooks),
    "/api/v1/webhooks/{webhook_id}/deliveries": ("alice", make_deliveries),
    "/api/admin/v1/downloads": ("operator", make_downloads),
}


def test_looks_at_every_list_there_is():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    models = schema["components"]["schemas"]

    def is_list(operation):
        answer = operation["responses"].get("200", {}).get("content", {})
        form = answer.get("application/json", {}).get("schema", {})
        model = models.get(form.get("$ref", "").rpartition("/")[2], form)
        return "meta" in model.get("properties", {})

    paths = {path for path, item in schema["paths"].items() if is_list(item.get("get", NONE))}
    assert paths == set(LISTS)


NONE = {"responses": {}}


def queries(client, method, path, *arguments):
    """Ask once; gives the answer's body and the statements it took."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = getattr(client, method)(path, *arguments, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json(), [item["sql"] for item in captured.captured_queries]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_asks_as_often_for_many_rows_as_for_few(api, request, path):
    asks, make = LISTS[path]
    client = api(request.getfixturevalue(asks))
    owner = request.getfixturevalue("alice")
    make(owner, 2)
    few, asked_for_few = queries(client, "get", f"{path.format(webhook_id=WEBHOOK)}?per_page=100")
    make(owner, 16)
    many, asked_for_many = queries(client, "get", f"{path.format(webhook_id=WEBHOOK)}?per_page=100")
    assert len(many["data"]) == len(few["data"]) + 16
    assert len(asked_for_many) == len(asked_for_few), asked_for_many
    assert len(asked_for_many) <= MOST_FOR_A_LIST, asked_for_many


@pytest.mark.parametrize("path", LISTS)
def test_a_page_past_the_end_asks_no_more_often(api, request, path):
    asks, make = LISTS[path]
    client = api(request.getfixturevalue(asks))
    make(request.getfixturevalue("alice"), 3)
    _body, asked = queries(client, "get", f"{path.format(webhook_id=WEBHOOK)}?per_page=2")
    body, asked_past_the_end = queries(
        client, "get", f"{path.format(webhook_id=WEBHOOK)}?per_page=2&page=900"
    )
    assert body["data"] == []
    assert len(asked_past_the_end) <= len(asked)


@pytest.fixture
def sixteen(alice):
    return [factories.recorded(owner=alice, name=f"Camera {number}") for number in range(CAMERAS)]


def test_an_order_of_many_files_asks_a_few_times(api, alice, sixteen):
    client = api(alice)
    records, asked = queries(client, "post", DOWNLOADS, factories.order_body(*sixteen))
    assert len(records) == CAMERAS
    assert len(asked) <= MOST_FOR_AN_ORDER, asked


def test_an_order_that_shares_jobs_asks_a_few_times(api, alice, mallory, sixteen):
    for camera in sixteen:
        factories.grant(mallory, camera)
    first, _asked = queries(api(alice), "post", DOWNLOADS, factories.order_body(*sixteen))
    second, asked = queries(api(mallory), "post", DOWNLOADS, factories.order_body(*sixteen))
    assert len(second) == CAMERAS
    assert not {record["id"] for record in first} & {record["id"] for record in second}
    assert len(asked) <= MOST_FOR_AN_ORDER, asked


def test_an_order_of_files_that_are_there_asks_a_few_times(api, alice, mallory, sixteen):
    for camera in sixteen:
        factories.grant(mallory, camera)
    queries(api(alice), "post", DOWNLOADS, factories.order_body(*sixteen))
    for job in ExportJob.objects.all():
        factories.finish(job)
    records, asked = queries(api(mallory), "post", DOWNLOADS, factories.order_body(*sixteen))
    assert {record["status"] for record in records} == {"ready"}
    assert Event.objects.filter(user=mallory).count() == CAMERAS
    assert len(asked) <= MOST_FOR_AN_ORDER, asked
