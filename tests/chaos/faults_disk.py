"""A disk that is full, read-only or at its quota. Needs root: a small disk is mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress

import pytest
from django.conf import settings
from django.utils import timezone

from exports.models import ExportJob
from tests.chaos.faults_workers import orders
from tests.chaos.held import hold
from tests.running import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]


def run_quietly(*command):
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def mount(*arguments):
    return run_quietly("mount", *arguments)


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


@pytest.fixture
def thin_disk(site, tmp_path):
    """A disk that promises 64 MB and has 8 behind it: what is too much shows in fsync.

    Gives the folder of what is behind it. No journal, and all folders are there before: nothing of
    the file system itself is lost when the room ends.
    """
    backing, folder = tmp_path / "backing", settings.STORAGE_DIR
    backing.mkdir()
    image = backing / "image"
    if not mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", str(backing)):
        pytest.skip("no disk can be mounted here")
    with image.open("wb") as file:
        file.truncate(64 * 2**20)
    form = ["-q", "-F", "-m", "0", "-N", "1024", "-O", "^has_journal,^uninit_bg,^metadata_csum"]
    made = shutil.which("mkfs.ext4", path=os.defpath + ":/usr/sbin:/sbin") and run_quietly(
        "mkfs.ext4", *form, "-E", "lazy_itable_init=0,nodiscard", str(image)
    )
    if not made or not mount("-o", "loop,errors=continue", str(image), str(folder)):
        subprocess.run(["umount", "--lazy", str(backing)], check=True)
        pytest.skip("no file system can be made in a file here")
    for name in (".partial", *(f"{number:02x}" for number in range(256))):
        (folder / name).mkdir()
    os.sync()
    site.extra = {"VMS_EXPORT_RESERVE_BYTES": "0", "VMS_EXPORT_MAX_ATTEMPTS": "3"}
    yield backing
    site.stop()
    for mounted in (folder, backing):
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)


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
    go = hold(site)
    orders(site, alice, stream, 12)
    start(site)
    site.wait_until_held()
    filler = fill(disk)
    go.touch()
    site.wait_until_ended()
    assert codes() <= {"no_room", "engine_failed"}
    filler.unlink()
    site.order(alice, stream, 1, 18)
    site.wait_until_ended()
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == 13
    assert row.right
    assert row.failed_with_cause


def test_disk_full_when_files_are_brought_to_it(site, stream, alice, survived, thin_disk):
    """Writing succeeds, into memory; that there is no room shows in fsync. Nothing is promised."""
    filler = fill(thin_disk)
    assert os.statvfs(settings.STORAGE_DIR).f_bavail > 10_000, "it still promises room"
    orders(site, alice, stream, 4)
    start(site)
    site.wait_until_ended()
    assert codes() == {"no_room"}, "fsync found room for all of them"
    filler.unlink()
    orders(site, alice, stream, 4)
    site.wait_until_ended()
    row = survived()
    # One or the other may have fitted into blocks that are there.
    assert row.right + row.failed_with_cause == row.asked == 8
    assert row.right >= 4


def test_disk_read_only_for_a_while(site, stream, alice, survived, disk):
    go = hold(site)
    orders(site, alice, stream, 8, containers=("mkv",))
    start(site)
    site.wait_until_held()
    wait_until(lambda: mount("-o", "remount,ro", str(disk)))  # not while a file is being written
    go.touch()
    site.wait_until_ended()
    assert codes() == {"storage_failed"}
    assert mount("-o", "remount,rw", str(disk))
    site.order(alice, stream, 1, 18)
    site.wait_until_ended()
    row = survived()
    assert (row.asked, row.right, row.failed_with_cause) == (9, 1, 8)


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


@pytest.fixture
def place(site, tmp_path):
    """Where finished files go, as a mount or, without root, as a folder; `away` and `back`."""
    made = Place(settings.STORAGE_DIR, tmp_path / "beside")
    yield made
    site.stop()
    made.away()


class Place:
    """A storage folder whose disk can go away: its mount point stays, empty, and can be written."""

    def __init__(self, folder, beside):
        self.folder, self.beside = folder, beside
        beside.mkdir()
        self.mounts = mount("--bind", str(beside), str(folder))
        if not self.mounts:
            beside.rmdir()

    def away(self):
        if self.mounts:
            assert run_quietly("umount", "--lazy", str(self.folder))
        elif not self.beside.exists():
            self.folder.rename(self.beside)
            self.folder.mkdir()

    def back(self):
        if self.mounts:
            assert mount("--bind", str(self.beside), str(self.folder))
        else:
            shutil.rmtree(self.folder)
            self.beside.rename(self.folder)


def test_storage_folder_unmounted_and_back(site, place, stream, alice, survived):
    """While its disk is away nothing ready is taken for gone; what is ordered fails in words."""
    site.extra = {"VMS_EXPORT_MAX_ATTEMPTS": "3"}
    start(site)
    for number in range(3):
        site.order(alice, stream, number, number + 3)
    site.wait_until_ended()
    place.away()
    for number in range(3):
        site.order(alice, stream, number, number + 4)
    site.wait_until_ended()
    assert ExportJob.objects.filter(state="ready").count() == 3
    assert not any(path.is_file() for path in place.folder.rglob("*"))
    place.back()
    site.order(alice, stream, 7, 12)
    site.wait_until_ended()
    row = survived()
    assert (row.right, row.failed_with_cause) == (4, 3)
    assert codes() == {"storage_failed"}
