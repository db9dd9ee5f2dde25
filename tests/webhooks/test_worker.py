"""A real worker with a real broker: it is killed in the middle, and another one goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection

from tests.running import PATIENCE_SECONDS, wait_until
from tests.webhooks.conftest import let_time_pass
from tests.webhooks.test_signatures import is_signed
from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent
from vms.webhooks.attempts import LEASE
from vms.webhooks.models import Delivery
from vms.webhooks.signatures import secret_of
from vms.webhooks.tasks import send_due

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def database_url() -> str:
    """Name the database of this test as the settings of another process have it."""
    told = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{told['NAME']}"
    signed_in = f"{told['USER']}:{quote(told['PASSWORD'], safe='')}"
    return f"postgres://{signed_in}@{told['HOST']}:{told['PORT']}/{told['NAME']}"


@pytest.fixture
def worker(tmp_path, valkey, certificates):
    """Start a worker of the queue that webhooks are in; it is ended with the test."""
    _process, url = valkey
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
    environment = {
        **kept,
        "VMS_DATA_DIR": str(tmp_path / "data"),
        "VMS_DATABASE_URL": database_url(),
        "VMS_REDIS_URL": url,
        "VMS_SECRET_KEY": django_settings.SECRET_KEY,
        "VMS_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "VMS_WEBHOOK_CA_FILE": str(certificates / "ca.pem"),
        "VMS_WEBHOOK_TIMEOUT_SECONDS": "60",
    }
    queue = django_settings.CELERY_TASK_DEFAULT_QUEUE

    @contextmanager
    def worker():
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "--quiet", "-A", "vms", "worker", "-Q", queue),
                *("--pool", "solo", "--without-gossip", "--without-mingle"),
            ],
            cwd=PROJECT_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=tie_to_parent(),
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    return worker


def test_a_killed_worker_loses_no_delivery(
    alice, webhook, receiver, happen, worker, broker, valkey
):
    broker(valkey[1])
    ended = threading.Event()
    receiver.answers.append(lambda _handler: ended.wait())
    event = happen(alice)
    with worker() as process:
        assert receiver.heard.acquire(timeout=PATIENCE_SECONDS)
        process.kill()
    ended.set()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("pending", 1)

    # All that is left of it is the row, and beat.
    redis.Redis.from_url(valkey[1]).flushall()
    let_time_pass(seconds=LEASE.total_seconds() + 1)
    send_due.delay()
    with worker():
        assert receiver.heard.acquire(timeout=PATIENCE_SECONDS)
        wait_until(lambda: Delivery.objects.get().state == "delivered")
    first, second = receiver.requests
    for request in (first, second):
        assert request.headers["webhook-id"] == delivery.key
        assert json.loads(request.body)["id"] == event.number
        assert is_signed(request, secret_of(webhook.pk))
    assert Delivery.objects.get().attempts == 2
