"""Workers that die, messages that come too often, two of what there should be one."""

from __future__ import annotations

import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from downloads import services
from exports.models import ExportJob
from exports.wakeups import wake
from tests.chaos.held import hold, paced_ffmpeg
from tests.chaos.site import BROKERS, dice, kill, scaled
from tests.running import parent_of, send, stop_between_writes, wait_until
from vms.ops.programs import exports_worker

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]


def orders(site, user, stream, count, *, containers=("mp4", "mkv")):
    """Order *count* files of different seconds, in containers that are made in different ways."""
    for number in range(count):
        begin = 0.1 * (number % 80)
        container = containers[number % len(containers)]
        site.order(user, stream, begin, begin + 4 + number // 80, container=container)


def test_worker_killed_20_times_at_random_moments_of_60_exports(site, stream, alice, survived):
    throws, kills, exports = dice(20), scaled(20), scaled(60)
    slow_down(site)
    worker, upkeep, beat = site.start_worker(), site.start_upkeep(), site.start_beat()
    orders(site, alice, stream, exports)
    for number in range(kills):
        wait_until(lambda: is_made_right_now() or not waiting().exists())
        time.sleep(throws.random() * 0.3)
        if number % 5 == 3:  # the whole worker; otherwise one of its processes
            worker.kill()
            worker.wait()
            worker = site.start_worker()
        else:
            ours = [pid for pid in site.processes("celery", "-Q exports") if pid != worker.pid]
            if ours:
                kill(throws.choice(ours))
    site.wait_until_ended()
    assert ExportJob.objects.filter(attempt__gt=1).exists(), "no kill met an export"
    row = survived()
    assert (row.asked, row.right) == (exports, exports)
    assert beat.returncode is not None
    assert upkeep.returncode is not None


def slow_down(site):
    """Have each mkv take two seconds at least: on a quick machine all would be made too soon."""
    program = paced_ffmpeg(site.folder / "paced-ffmpeg", 2)
    site.extra["VMS_FFMPEG"] = str(program)


def is_made_right_now():
    """Say whether a worker that lives is at work: rows of killed ones are running too."""
    since = timezone.now() - timedelta(seconds=1)
    return ExportJob.objects.filter(state="running", heartbeat_at__gt=since).exists()


def waiting():
    return ExportJob.objects.filter(state__in=ExportJob.ACTIVE)


@pytest.mark.parametrize("site", BROKERS, indirect=True)
def test_same_task_delivered_5_times_at_once(site, stream, alice, survived):
    orders(site, alice, stream, 6)
    for _ in range(4 * 6):  # the order sent one already
        wake("")
    workers = [site.start_worker(concurrency=3) for _ in range(2)]
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.right) == (6, 6)
    assert set(ExportJob.objects.values_list("attempt", flat=True)) == {1}
    assert len(workers) == 2


def test_two_beats_and_two_reconcilers(site, stream, alice, survived):
    go = hold(site)
    for _ in range(2):
        site.start_beat()
        site.start_upkeep()
    worker = site.start_worker()
    orders(site, alice, stream, 8)
    site.wait_until_held()
    worker.kill()
    worker.wait()
    go.touch()
    site.start_worker()
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.right) == (8, 8)


def test_worker_stopped_for_longer_than_its_lease_goes_on(site, stream, alice, survived):
    """The job is somebody else's by then: what the first one made is dropped."""
    go = hold(site)
    site.start_upkeep()
    site.start_beat()
    slow = site.start_worker(concurrency=1)
    job = site.order(alice, stream, 0, 19, container="mkv").job
    wait_until(lambda: site.processes("ffmpeg", ".partial"))
    stopped = [pid for pid in site.processes() if is_below(pid, slow.pid)]
    if connection.vendor == "sqlite":
        stop_between_writes(stopped, Path(connection.settings_dict["NAME"]))
    else:
        send(stopped, signal.SIGSTOP)
    go.touch()
    site.start_worker(concurrency=1)
    site.wait_until_ended()
    send(stopped, signal.SIGCONT)
    wait_until(lambda: not site.processes("ffmpeg", ".partial"))
    row = survived()
    assert (row.asked, row.right) == (1, 1)
    assert ExportJob.objects.get(pk=job.pk).attempt >= 2


def is_below(pid, ancestor):
    """Say whether a process is *ancestor* or was started by it, or by one that was."""
    while pid > 1:
        if pid == ancestor:
            return True
        pid = parent_of(pid)
    return False


def test_a_job_that_kills_its_worker_each_time(site, stream, alice, survived):
    """Poison: a worker dies of it as often as it may be tried, and all others are made."""
    site.extra = {"VMS_EXPORT_MAX_ATTEMPTS": "3"}
    hold(site)
    site.start_upkeep()
    site.start_beat()
    poison = site.order(alice, stream, 0, 19, container="mkv").job
    ExportJob.objects.filter(pk=poison.pk).update(turn=-1)
    worker = site.start_worker(concurrency=1)
    deaths = 0
    while True:
        wait_until(lambda: state_of(poison) in {"running", "failed"})
        if state_of(poison) == "failed":
            break
        worker.kill()
        worker.wait()
        deaths += 1
        wait_until(lambda: state_of(poison) != "running")
        if deaths == 1:
            orders(site, alice, stream, 3, containers=("mp4",))
        if state_of(poison) == "queued":
            worker = site.start_worker(concurrency=1)
    site.start_worker()
    site.wait_until_ended()
    row = survived()
    assert (row.right, row.failed_with_cause) == (3, 1)
    assert deaths
    poison.refresh_from_db()
    assert (poison.tries, poison.error_code) == (3, "worker_lost")


def state_of(job):
    return ExportJob.objects.get(pk=job.pk).state


def test_cancelled_in_every_state(site, stream, alice, survived):
    hold(site)
    site.start_upkeep()
    site.start_beat()
    queued = site.order(alice, stream, 0, 4)
    services.cancel(queued, timezone.now())
    running = site.order(alice, stream, 1, 19, container="mkv")
    worker = site.start_worker()
    wait_until(lambda: state_of(running.job) == "running")
    services.cancel(running, timezone.now())
    lost = site.order(alice, stream, 2, 19, container="mkv")
    wait_until(lambda: state_of(lost.job) == "running")
    worker.kill()
    worker.wait()
    services.cancel(lost, timezone.now())
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.cancelled) == (3, 3)
    assert not ExportJob.objects.exclude(state="cancelled").exists()


@pytest.mark.parametrize("site", BROKERS, indirect=True)
def test_two_nodes_each_with_a_worker(site, stream, alice, survived):
    """A cut runs beside its footage: the other node's worker never has it."""
    for node in ("east", "west"):
        stream.node = node
        stream.save()
        orders(site, alice, stream, 3, containers=("mp4",) if node == "east" else ("mkv",))
    east = site.start_worker("exports.east", concurrency=1)
    wait_until(lambda: not waiting().filter(node="east").exists())
    assert waiting().filter(node="west", attempt=0).count() == 3
    stream.node = ""
    stream.save()
    site.order(alice, stream, 9, 12)  # of no node: any worker's
    west = site.spawn("west", exports_worker("west", 1).command)
    site.wait_until_ended()
    east_owners, west_owners = (owners_of(node) for node in ("east", "west"))
    row = survived()
    assert (row.asked, row.right) == (7, 7)
    assert east_owners.isdisjoint(west_owners)
    assert east.pid != west.pid


def owners_of(node):
    owners = ExportJob.objects.filter(node=node).values_list("owner", flat=True)
    return {owner.split(":")[1] for owner in owners}
