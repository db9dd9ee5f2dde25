"""A disk that is full, read-only or at its quota. Needs root: a small disk is mounted."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import pytest
from django.conf import settings
from django.utils import timezone

from exports.models import ExportJob
from tests.chaos.faults_workers import orders
from tests.running import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]


def mount(*arguments):
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


@pytest.fixture
def disk(site):
    """A disk of 4 MB where finished files go, none of it kept free."""
    folder = settings.STORAGE_DIR
    if not mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)):
        pytest.skip("no disk can be mounted here")
    (folder / ".partial").mkdir()
    site.extra = {"VMS_EXPORT_RESERVE_BYTES": "0", "VMS_EXPORT_MAX_ATTEMPTS": "3"}
    yield folder
    site.stop()
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def start(site):
    site.start_worker()
    site.start_upkeep()
    site.start_beat()


def fill(folder):
    """Take all that is free, as some other program would; gives the file that does."""
    filler = folder / "somebody-elses"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    return filler


def codes():
    return set(ExportJob.objects.filter(state="failed").values_list("error_code", flat=True))


def test_disk_full_while_files_are_written(site, stream, alice, survived, disk):
    orders(site, alice, stream, 12)
    start(site)
    site.wait_until_running()
    filler = fill(disk)
    site.wait_until_ended()
    assert codes() <= {"no_room", "engine_failed"}
    filler.unlink()
    site.order(alice, stream, 1, 18)
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == 13
    assert row.right
    assert row.failed_with_cause


def test_disk_read_only_for_a_while(site, stream, alice, survived, disk):
    orders(site, alice, stream, 8)
    start(site)
    site.wait_until_running()
    assert mount("-o", "remount,ro", str(disk)) or mount("-f", "-o", "remount,ro", str(disk))
    site.wait_until_ended()
    assert codes() <= {"storage_failed"}
    assert mount("-o", "remount,rw", str(disk))
    site.order(alice, stream, 1, 18)
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == 9
    assert row.right


def test_quota_hit_and_room_made_by_what_is_due(site, stream, alice, survived):
    site.start_worker()
    site.order(alice, stream, 0, 10)
    site.wait_until_ended()
    one = ExportJob.objects.get()
    site.stop()
    site.extra = {"VMS_STORAGE_QUOTA_BYTES": str(one.size * 5 // 2)}
    site.start_broker()
    site.start_worker()
    for number in range(1, 6):
        site.order(alice, stream, number, number + 10)
    site.wait_until_ended()
    assert ExportJob.objects.filter(state="ready").count() == 2
    assert codes() == {"no_room"}
    # No clean-up runs here: the order itself makes room of what is due.
    ExportJob.objects.filter(pk=one.pk).update(expires_at=timezone.now())
    site.order(alice, stream, 7, 17)
    wait_until(lambda: ExportJob.objects.filter(state="ready").count() == 2)
    site.wait_until_ended()
    assert ExportJob.objects.get(pk=one.pk).state == "expired"
    row = survived()
    assert (row.asked, row.right, row.failed_with_cause) == (7, 3, 4)
