"""Who may use /api/admin/v1/downloads, and with which license."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from rest_framework.test import APIClient

from downloads.models import Download
from tests import factories
from vms.api.license import License, issue

PATH = "/api/admin/v1/downloads"
CALLS = [
    ("get", ""),
    ("post", ""),
    ("get", "/{id}"),
    ("delete", "/{id}"),
    ("post", "/{id}/repeat"),
    ("post", "/{id}/cancel"),
]


@pytest.fixture
def download(alice, yard) -> Download:
    return factories.ready_download(alice, stream=yard.streams.get())


@pytest.fixture
def send(download):
    def send(client, call):
        method, path = call
        return getattr(client, method)(f"{PATH}{path.format(id=download.pk)}")

    return send


@pytest.fixture
def licensed(settings, tmp_path):
    """Install a license of so many days and cameras, signed by the key that is trusted."""

    def licensed(*, days=1.0, cameras=100, key=None):
        trusted = Ed25519PrivateKey.generate()
        ends = timezone.now() + timedelta(days=days)
        file = tmp_path / "license.json"
        file.write_text(issue(License("Town", ends, cameras), key or trusted))
        settings.VMS = {
            **settings.VMS,
            "VMS_LICENSE_FILE": file,
            "VMS_LICENSE_PUBLIC_KEY": trusted.public_key().public_bytes_raw(),
        }
        return file

    return licensed


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_refuses_a_stranger(send, call):
    answer = send(APIClient(), call)

    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthenticated."}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_refuses_a_client_even_for_their_own(api, alice, send, call):
    answer = send(api(alice), call)

    assert answer.status_code == 403
    assert set(answer.json()) == {"message"}
    assert Download.objects.count() == 1


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_answers_402_when_the_license_has_ended(api, operator, send, licensed, call):
    licensed(days=-1)

    answer = send(api(operator), call)

    assert answer.status_code == 402
    assert set(answer.json()) == {"message"}
    assert "ended on" in answer.json()["message"]
    assert Download.objects.count() == 1


def test_serves_with_a_license_that_holds(api, operator, download, licensed):
    licensed(cameras=1)

    assert api(operator).get(PATH).status_code == 200


def test_answers_402_when_there_are_more_cameras_than_licensed(api, operator, download, licensed):
    licensed(cameras=1)
    factories.camera()

    answer = api(operator).get(PATH)

    assert answer.status_code == 402
    assert answer.json() == {"message": "There are 2 cameras; the license allows 1."}


def test_answers_402_when_somebody_else_signed(api, operator, download, licensed):
    licensed(key=Ed25519PrivateKey.generate())

    answer = api(operator).get(PATH)

    assert answer.status_code == 402
    assert "signature" in answer.json()["message"]


def test_answers_402_when_the_file_is_gone_and_tells_no_path(api, operator, download, licensed):
    file = licensed()
    file.unlink()

    answer = api(operator).get(PATH)

    assert answer.status_code == 402
    assert str(file) not in answer.content.decode()


def test_sees_a_renewed_license_at_once(api, operator, download, licensed):
    licensed(days=-1)
    client = api(operator)
    assert client.get(PATH).status_code == 402

    licensed(days=1)

    assert client.get(PATH).status_code == 200


def test_tells_of_the_license_only_who_may_ask(api, alice, send, licensed):
    licensed(days=-1)

    assert send(APIClient(), CALLS[0]).status_code == 401
    assert send(api(alice), CALLS[0]).status_code == 403


def test_serves_clients_whatever_the_license_says(api, alice, download, licensed):
    licensed(days=-1, cameras=0)

    assert api(alice).get("/api/v1/downloads").status_code == 200
