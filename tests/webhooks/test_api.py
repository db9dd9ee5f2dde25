"""/api/v1/webhooks: register, list, test, read the log, remove."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from tests.webhooks.conftest import let_time_pass
from vms.accounts.integration import make_token, revoke_token
from vms.api.dates import wire_timestamp
from vms.webhooks.models import Delivery, Webhook
from vms.webhooks.rounds import run_round
from vms.webhooks.services import TooManyWebhooks, register
from vms.webhooks.signatures import secret_of

pytestmark = pytest.mark.django_db
PATH = "/api/v1/webhooks"
URL = "https://hooks.example.org/vms"
KEYS = ["id", "url", "created_at", "delivered_at", "failures", "disabled_at", "disabled_why"]


@pytest.fixture
def program():
    """Make an API client that sends a new integration token; gives its row too."""

    def program(user, *scopes):
        row, secret = make_token(
            user, name="n", scopes=scopes or ["webhooks"], expires_at=None, now=timezone.now()
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client, row

    return program


def ask(client, url=URL):
    return client.post(PATH, {"url": url}, format="json")


def test_registers_an_address_and_shows_the_secret_once(api, alice):
    client = api(alice)
    answer = ask(client)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    made = answer.json()
    assert list(made) == [*KEYS, "secret"]
    assert made["secret"] == secret_of(made["id"])
    assert made["secret"].startswith("whsec_")
    secret = made.pop("secret")
    assert (made["url"], made["failures"], made["disabled_why"]) == (URL, 0, "")
    assert (made["delivered_at"], made["disabled_at"]) == (None, None)
    assert made["created_at"] == wire_timestamp(Webhook.objects.get().created_at)
    assert client.get(PATH).json()["data"] == [made]
    assert secret not in str(Webhook.objects.values().get())


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://",
        "https://user:word@hooks.example.org/",
        "https://127.1/",
    ],
)
def test_refuses_what_is_no_https_address(api, alice, url):
    answer = ask(api(alice), url)
    assert answer.status_code == 422
    assert answer.json()["errors"]["url"][0].startswith("Write an address such as https://")


def test_refuses_addresses_that_are_not_public(api, alice, set_to):
    set_to(VMS_WEBHOOK_ALLOWED_NETWORKS=[])
    answer = ask(api(alice), "https://[::ffff:127.0.0.1]/")
    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "url": ["This server does not send to addresses of this kind."]
    }
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("body", [{}, {"url": None}, {"url": 7}, {"url": ["x"]}, [], "x"])
def test_refuses_bodies_of_another_shape(api, alice, body):
    assert api(alice).post(PATH, body, format="json").status_code == 422


def test_allows_so_many_of_a_user(api, alice, mallory, set_to):
    set_to(VMS_MAX_WEBHOOKS_PER_USER=2)
    client = api(alice)
    assert [ask(client).status_code for _ in range(3)] == [200, 200, 422]
    assert ask(client).json()["errors"] == {
        "webhook": ["At most 2 webhooks; remove one that is not needed."]
    }
    assert ask(api(mallory)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_gives_the_last_place_to_one(alice, set_to):
    set_to(VMS_MAX_WEBHOOKS_PER_USER=1)
    start = Barrier(4)

    def try_it():
        start.wait()
        try:
            register(alice, None, URL, timezone.now())
        except TooManyWebhooks:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        made = [future.result() for future in [pool.submit(try_it) for _ in range(4)]]
    assert sorted(made) == [False, False, False, True]


def test_lists_mine_newest_first(api, alice, mallory):
    old, new = (register(alice, None, URL, timezone.now()) for _ in range(2))
    register(mallory, None, URL, timezone.now())
    body = api(alice).get(PATH).json()
    assert [row["id"] for row in body["data"]] == [new.pk, old.pk]
    assert body["meta"]["total"] == 2


@pytest.mark.parametrize("rows", [1, 9])
def test_asks_the_database_as_often_for_many_rows_as_for_few(
    api, alice, rows, django_assert_max_num_queries
):
    for _ in range(rows):
        webhook = register(alice, None, URL, timezone.now())
        Delivery.objects.create(webhook=webhook)
        Delivery.objects.create(webhook=webhook)
    client = api(alice)
    with django_assert_max_num_queries(4):
        assert len(client.get(PATH).json()["data"]) == rows
    with django_assert_max_num_queries(5):
        assert len(client.get(f"{PATH}/{webhook.pk}/deliveries").json()["data"]) == 2


def test_removes_a_webhook_with_what_waits_for_it(api, alice, webhook, happen):
    Delivery.objects.create(webhook=webhook)
    client = api(alice)
    answer = client.delete(f"{PATH}/{webhook.pk}")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert not Delivery.objects.exists()
    assert client.delete(f"{PATH}/{webhook.pk}").status_code == 404


@pytest.mark.parametrize("name", ["0" * 32, "x", "%00", "..", "1" * 200])
def test_knows_no_others(api, alice, webhook, name):
    client = api(alice)
    assert client.delete(f"{PATH}/{name}").status_code == 404
    assert client.post(f"{PATH}/{name}/test").status_code == 404
    assert client.get(f"{PATH}/{name}/deliveries").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_tests_a_webhook_and_tells_of_it_in_the_log(api, alice, webhook, receiver):
    client = api(alice)
    told = client.post(f"{PATH}/{webhook.pk}/test").json()
    assert list(told) == [
        *("id", "type", "state", "attempts", "status", "error"),
        *("created_at", "next_attempt_at", "finished_at"),
    ]
    assert (told["type"], told["state"], told["attempts"]) == ("webhook_test", "pending", 0)
    receiver.answer = 503
    run_round()
    [listed] = client.get(f"{PATH}/{webhook.pk}/deliveries").json()["data"]
    assert listed["id"] == told["id"] == receiver.requests[0].headers["webhook-id"]
    assert (listed["state"], listed["attempts"], listed["status"]) == ("failed", 1, 503)
    assert (listed["error"], listed["next_attempt_at"]) == ("The receiver answered 503.", None)
    assert listed["finished_at"] is not None


def test_limits_how_often_it_is_asked_to_connect(api, alice, mallory, webhook):
    client = api(alice)
    statuses = [client.post(f"{PATH}/{webhook.pk}/test").status_code for _ in range(30)]
    assert set(statuses) == {200}
    for answer in (client.post(f"{PATH}/{webhook.pk}/test"), ask(client)):
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0
    assert ask(api(mallory)).status_code == 200


# --- programs ---


def test_lets_a_program_with_the_scope_have_webhooks_of_its_own(api, alice, program):
    person = register(alice, None, URL, timezone.now())
    client, token = program(alice)
    made = ask(client).json()
    assert Webhook.objects.get(pk=made["id"]).token == token
    assert [row["id"] for row in client.get(PATH).json()["data"]] == [made["id"]]
    assert client.delete(f"{PATH}/{person.pk}").status_code == 404
    assert client.post(f"{PATH}/{person.pk}/test").status_code == 404
    assert client.post(f"{PATH}/{made['id']}/test").status_code == 200
    assert client.get(f"{PATH}/{made['id']}/deliveries").status_code == 200
    assert len(api(alice).get(PATH).json()["data"]) == 2
    other, _token = program(alice)
    assert other.get(PATH).json()["data"] == []
    assert client.delete(f"{PATH}/{made['id']}").status_code == 200


def test_refuses_programs_without_the_scope(alice, program, webhook):
    client, _token = program(alice, "downloads", "links")
    for answer in (
        client.get(PATH),
        ask(client),
        client.delete(f"{PATH}/{webhook.pk}"),
        client.post(f"{PATH}/{webhook.pk}/test"),
        client.get(f"{PATH}/{webhook.pk}/deliveries"),
    ):
        assert answer.status_code == 403
        assert answer.json() == {"message": "This token does not have the scope webhooks."}


def test_refuses_programs_of_this_scope_elsewhere(alice, program):
    client, _token = program(alice)
    assert client.get("/api/v1/downloads").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_sends_nothing_more_once_the_token_is_revoked(alice, program, receiver, happen):
    client, token = program(alice)
    ask(client, receiver.url)
    happen(alice)
    assert revoke_token(alice, token.pk, timezone.now())
    let_time_pass(hours=1)
    assert run_round() == 0
    assert receiver.requests == []


def test_writes_neither_secret_nor_address_to_the_log(api, alice, caplog):
    with caplog.at_level(logging.DEBUG):
        made = ask(api(alice), "https://hooks.example.org/secretpath").json()
    assert caplog.records
    assert made["secret"] not in caplog.text
    assert "secretpath" not in caplog.text
