"""ffmpeg that is killed, or hangs, and workers that are stopped while it works."""

from __future__ import annotations

import signal

import pytest

from exports.models import ExportJob
from tests.chaos.faults_workers import orders, state_of
from tests.chaos.held import hold, slow_ffmpeg
from tests.chaos.site import kill
from tests.running import wait_until
from vms.ops.programs import manage

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]


@pytest.fixture
def slow(site):
    """Have all files made by an ffmpeg that takes its time as long as this file is there."""
    made = site.folder / "slow"
    program = slow_ffmpeg(site.folder / "slow-ffmpeg", made)
    site.extra = {"VMS_EXPORT_ENGINE": "ffmpeg", "VMS_FFMPEG": str(program)}
    return made


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_ffmpeg(site, slow, stream, alice, survived, sign):
    """Killed it fails the attempt; stopped it is ended when it stalls. Either way: once more."""
    site.extra["VMS_EXPORT_STALL_SECONDS"] = "5"
    site.start_worker()
    site.start_upkeep()
    site.start_beat()
    for number in range(4):
        site.order(alice, stream, number, 19, container="mkv")
    met: list[int] = []
    for _ in range(2):
        wait_until(lambda: met.extend(found := hit(site, sign, met)) or found)
    slow.unlink()
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.right) == (4, 4)
    assert ExportJob.objects.filter(attempt__gt=1).exists()


def up(site):
    """Start a machine that makes files, as operators do."""
    return site.spawn(f"up-{len(site.started)}", manage("up", "--only", "worker-exports"))


def test_worker_stopped_hands_its_exports_back_at_once(site, slow, stream, alice, survived):
    """No lease runs out here: the row is queued again before the worker has ended."""
    stubborn = {"VMS_EXPORT_LEASE_SECONDS": "3600", "VMS_EXPORT_STALL_SECONDS": "3600"}
    site.extra |= {**stubborn, "VMS_EXPORT_STOP_SECONDS": "0"}
    running = ExportJob.objects.filter(state="running")
    orders(site, alice, stream, 4, containers=("mkv",))
    machine = up(site)
    for _ in range(2):
        wait_until(lambda: hit(site, signal.SIGSTOP))
        held = set(running.values_list("pk", flat=True))
        machine.terminate()
        assert machine.wait() == 0
        assert not running.exists()
        wait_until(lambda: not site.processes("ffmpeg", ".partial"))
        assert list((site.folder / "storage" / ".partial").iterdir()) == []
        handed_back = ExportJob.objects.filter(state="queued", handed_back__gt=0)
        assert handed_back.filter(pk__in=held).exists()
        machine = up(site)
    slow.unlink()
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.right) == (4, 4)
    assert all(job.tries == 1 for job in ExportJob.objects.all())
    assert ExportJob.objects.filter(attempt__gt=1).exists()


def test_worker_stopped_finishes_what_it_can(site, stream, alice, survived):
    """What it makes it makes to the end, and takes nothing new; the message goes on to others."""
    go = hold(site)
    site.extra |= {
        "VMS_EXPORT_ENGINE": "ffmpeg",
        "VMS_EXPORT_STOP_SECONDS": "3600",
        "VMS_EXPORT_STALL_SECONDS": "3600",
    }
    worker = site.start_worker(concurrency=1)
    first = site.order(alice, stream, 0, 19, container="mkv").job
    wait_until(lambda: state_of(first) == "running")
    orders(site, alice, stream, 3)
    worker.terminate()
    wait_until(lambda: "shutdown" in (site.folder / "exports-1.log").read_text())
    go.touch()
    assert worker.wait() == 0
    assert (state_of(first), ExportJob.objects.get(pk=first.pk).attempt) == ("ready", 1)
    assert ExportJob.objects.filter(state="queued", attempt=0).count() == 3
    site.start_worker()
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.right) == (4, 4)


def hit(site, sign, but=()):
    """Send *sign* to one ffmpeg that makes a file, none of *but*; gives those it met."""
    found = [pid for pid in site.processes("ffmpeg", ".partial") if pid not in but]
    return [pid for pid in found[:1] if kill(pid, sign)]
