"""A database that restarts, crashes, cuts connections, or is held by somebody."""

from __future__ import annotations

import time

import pytest
from django.db import connection, transaction

from exports.models import ExportJob
from tests.chaos.faults_workers import orders
from tests.chaos.held import hold
from tests.chaos.server import Server, is_there
from tests.chaos.site import dice, kill, scaled
from tests.running import wait_until
from vms.push.models import Event

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]

AWAY_SECONDS = 3
OTHERS = "datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def server_of_many(db):
    """Leave out what a file cannot suffer: it has no connections, and no server that crashes."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: make chaos-postgres")


def start(site):
    site.start_worker()
    site.start_upkeep()
    site.start_beat()


def test_database_restarted(site, stream, alice, survived, server_of_many):
    """In order, twice, and away for seconds: nobody can connect meanwhile."""
    go = hold(site)
    start(site)
    server = Server.of_this_run()
    orders(site, alice, stream, 12)
    for _ in range(2):
        site.wait_until_held()
        server.stop()
        time.sleep(AWAY_SECONDS)
        server.start()
    go.touch()
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == 12
    assert row.right >= 10, list(ExportJob.objects.values_list("error_code", "error_message"))


def test_database_connection_cut_in_mid_transaction(site, stream, alice, survived, server_of_many):
    """Between "the file is ready" and "its owner was told": neither holds then."""
    exports = scaled(20)
    orders(site, alice, stream, exports)
    cuts = 0
    for number in range(scaled(8)):
        with transaction.atomic():
            execute(f"LOCK TABLE {Event._meta.db_table} IN EXCLUSIVE MODE")
            if number == 0:
                start(site)
            wait_until(lambda: waiting_for_lock() or not active().exists())
            cuts += cut("wait_event_type = 'Lock'")
    assert cuts
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == exports
    assert row.right


def test_database_cuts_all_connections_again_and_again(
    site, stream, alice, survived, server_of_many
):
    start(site)
    throws, exports = dice(5), scaled(20)
    orders(site, alice, stream, exports)
    for _ in range(scaled(8)):
        time.sleep(throws.random() * 0.5)
        cut()
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == exports
    assert row.right


def test_database_crashes_and_recovers(site, stream, alice, survived, server_of_many):
    """One of its processes is killed: the server ends all others and begins with its log."""
    go = hold(site)
    start(site)
    orders(site, alice, stream, 12)
    for _ in range(2):
        site.wait_until_held()
        wait_until(one_of_others)
        kill(one_of_others() or connection_of_ours())
        wait_until(lambda: not is_there())  # ours is ended too
        wait_until(is_there)
    go.touch()
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == 12
    assert row.right


def test_database_is_held_by_somebody_for_seconds(site, stream, alice, survived):
    if connection.vendor != "sqlite":
        pytest.skip("only a file has one lock for all writers")
    go = hold(site)
    start(site)
    orders(site, alice, stream, 10)
    for _ in range(3):
        site.wait_until_held()
        with connection.cursor() as cursor:
            cursor.execute("BEGIN EXCLUSIVE")
            time.sleep(AWAY_SECONDS)
            cursor.execute("COMMIT")
    go.touch()
    site.wait_until_ended()
    row = survived()
    assert row.asked == row.right == 10


def active():
    return ExportJob.objects.filter(state__in=ExportJob.ACTIVE)


def execute(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone() if cursor.description else None


def cut(which="true"):
    """End connections of others; gives how many."""
    [count] = execute(
        f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {OTHERS} AND {which}"
    )
    return count


def waiting_for_lock():
    execute("SELECT pg_stat_clear_snapshot()")  # kept for a whole transaction otherwise
    found = execute(
        f"SELECT pid FROM pg_stat_activity WHERE {OTHERS} AND wait_event_type = 'Lock' LIMIT 1"
    )
    return found is not None


def one_of_others():
    """Give a process of the server that works for somebody else, None when there is none."""
    found = execute(f"SELECT pid FROM pg_stat_activity WHERE {OTHERS} LIMIT 1")
    return found and found[0]


def connection_of_ours():
    return execute("SELECT pg_backend_pid()")[0]
