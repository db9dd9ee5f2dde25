"""Broker and database that go away, and a clock that jumps."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from exports import housekeeping
from exports.models import ExportJob
from tests.chaos.faults_workers import orders
from tests.chaos.site import BROKERS, dice, kill, scaled
from tests.running import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]


@pytest.mark.parametrize("site", BROKERS, indirect=True)
@pytest.mark.parametrize("keeps", [True, False], ids=["with_its_data", "empty"])
def test_broker_killed_and_restarted(site, stream, alice, survived, keeps):
    """Workers and beat find it again by themselves."""
    running = [site.start_worker(), site.start_upkeep(), site.start_beat()]
    orders(site, alice, stream, 10)
    site.wait_until_running()
    site.kill_broker(forget=not keeps)
    orders(site, alice, stream.__class__.objects.get(pk=stream.pk), 3)  # nobody can be woken
    site.start_broker()
    for number in range(3):
        site.order(alice, stream, 10 + number, 15 + number)
    site.wait_until_ended()
    assert [process.poll() for process in running] == [None, None, None]
    row = survived()
    assert row.asked == row.right == 16


def test_database_cuts_all_connections_again_and_again(site, stream, alice, survived):
    if connection.vendor != "postgresql":
        pytest.skip("a file has no connections to cut; see the other test")
    site.start_worker()
    site.start_upkeep()
    site.start_beat()
    throws, exports = dice(5), scaled(20)
    orders(site, alice, stream, exports)
    for _ in range(scaled(8)):
        time.sleep(throws.random() * 0.5)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == exports


def test_database_crashes_and_recovers(site, stream, alice, survived):
    """One of its processes is killed: the server ends all others and begins with its log."""
    if connection.vendor != "postgresql":
        pytest.skip("a file does not crash")
    site.start_worker()
    site.start_upkeep()
    site.start_beat()
    orders(site, alice, stream, 12)
    for _ in range(2):
        site.wait_until_running()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1"
            )
            kill(cursor.fetchone()[0])
        wait_until(is_back)
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == 12


def is_back():
    connection.close()
    try:
        return ExportJob.objects.exists()
    except OperationalError:
        return False


def test_database_is_held_by_somebody_for_seconds(site, stream, alice, survived):
    if connection.vendor != "sqlite":
        pytest.skip("only a file has one lock for all writers")
    site.start_worker()
    site.start_upkeep()
    site.start_beat()
    orders(site, alice, stream, 10)
    for _ in range(3):
        site.wait_until_running()
        with connection.cursor() as cursor:
            cursor.execute("BEGIN EXCLUSIVE")
            time.sleep(3)
            cursor.execute("COMMIT")
    site.wait_until_ended()
    row = survived()
    assert row.asked == row.right == 10


@pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])
def test_clock_of_the_machine_that_looks_for_lost_jobs_jumps(site, stream, alice, survived, hours):
    """Forward every worker seems silent; their jobs are given to others, and made once.

    Each jump costs what runs one attempt, of three.
    """
    site.start_worker()
    orders(site, alice, stream, 12)
    for _ in range(2):
        wait_until(lambda: running().exists() or not active().exists())
        housekeeping.requeue_lost(timezone.now() + timedelta(hours=hours))
        housekeeping.expire_files(timezone.now() + timedelta(hours=hours))
    site.start_upkeep()
    site.start_beat()
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.right) == (12, 12)


def running():
    return ExportJob.objects.filter(state="running")


def active():
    return ExportJob.objects.filter(state__in=ExportJob.ACTIVE)
