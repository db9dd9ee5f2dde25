"""What SQLite cannot show, on a real PostgreSQL server, whatever the other tests run on."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

import pytest

from tests.postgres import find_binaries, running_server
from vms.env import PROJECT_DIR

BINARIES = find_binaries()

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        BINARIES is None, reason="no initdb on this machine: install the package postgresql"
    ),
]

# Eight connections want the same job at the same moment; then its end races with its cancelling.
RACE = """
import os
import threading
from datetime import timedelta

import django

django.setup()

from django.db import connection
from django.utils import timezone

from exports import states
from tests import factories

NOW = timezone.now()


def race(*moves):
    start, results = threading.Barrier(len(moves)), []

    def run(move):
        start.wait()
        results.append(move())
        connection.close()

    threads = [threading.Thread(target=run, args=(move,)) for move in moves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [result for result in results if result]


assert connection.vendor == "postgresql"
for _round in range(10):
    job = factories.job()
    claims = [lambda n=n: states.claim(job.pk, f"worker {n}", NOW) for n in range(8)]
    (claimed,) = race(*claims)
    race(
        lambda: states.finish(claimed, NOW, timedelta(hours=1)),
        lambda: states.cancel(job.pk, NOW),
    )
    job.refresh_from_db()
    assert job.attempt == 1
    assert (job.state, job.cancel_requested) in {("ready", False), ("running", True)}, job.state
print("all rounds won by one")
"""


@pytest.fixture(scope="module")
def server():
    """Settings that name a server of our own and its empty, migrated database."""
    with running_server(BINARIES) as url:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
        environment = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "vms.settings",
            "VMS_DATABASE_URL": url,
            "VMS_SECRET_KEY": secrets.token_urlsafe(48),
        }
        yield environment


def run(server, tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT_DIR,
        env={**server, "VMS_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_migrates_and_gives_each_job_to_one_worker_only(server, tmp_path):
    migrated = run(server, tmp_path, "manage.py", "migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr

    raced = run(server, tmp_path, "-c", RACE)

    assert raced.returncode == 0, raced.stderr
    assert raced.stdout == "all rounds won by one\n"
