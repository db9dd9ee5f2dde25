"""The clock of a machine is set, an hour forward or back, while exports are made."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from exports import housekeeping
from exports.models import ExportJob
from tests.chaos.clock import Clock
from tests.chaos.faults_workers import orders
from tests.chaos.held import hold
from tests.running import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]

HOURS = pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])


@HOURS
def test_clock_of_the_machine_jumps(site, stream, alice, survived, hours):
    """And back again when its worker has died: what that had is looked for by either clock."""
    go, clock = hold(site), Clock(site.folder)
    site.extra |= clock.environment
    site.start_upkeep()
    site.start_beat()
    worker = site.start_worker()
    orders(site, alice, stream, 4, containers=("mkv",))
    wait_until(lambda: running().count() == 2)  # at the gate
    clock.set(3600 * hours)
    go.touch()
    site.wait_until_ended()
    go.unlink()
    for number in range(4):
        site.order(alice, stream, 10 + number, 15 + number, container="mkv")
    wait_until(lambda: running().count() == 2)
    held = list(running())
    worker.kill()
    worker.wait()
    clock.set(0)
    wait_until(lambda: not running().exists())
    site.start_worker()
    go.touch()
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.right) == (8, 8)
    assert all(ExportJob.objects.get(pk=job.pk).attempt > job.attempt for job in held)


@HOURS
def test_clock_of_the_machine_that_looks_for_lost_jobs_jumps(site, stream, alice, survived, hours):
    """Forward every worker seems silent; their jobs are given to others, and made once."""
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
