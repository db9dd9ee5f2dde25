from __future__ import annotations

import errno
import os
from datetime import timedelta

import pytest
from django.utils import timezone

from exports import storage
from exports.errors import NoRoom, StorageFailed


def make(stem="abc-1", content=b"x" * 1000):
    partial = storage.partial_path(stem, "mp4")
    partial.write_bytes(content)
    return partial


def test_publishes_a_whole_file_under_its_name():
    name = storage.publish(make(), "abc-1")

    assert name == "ab/abc-1.mp4"
    assert storage.path_of(name).read_bytes() == b"x" * 1000
    assert not storage.partial_path("abc-1", "mp4").exists()


def test_leaves_nothing_of_an_earlier_try():
    make()

    assert not storage.partial_path("abc-1", "mp4").exists()


def test_digests_a_file():
    partial = make(content=b"abc")

    *_, (size, sha256) = storage.digest(partial)
    assert size == 3
    assert sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", "aa/../../x"])
def test_refuses_a_name_that_leads_out(name):
    with pytest.raises(ValueError, match="not the name"):
        storage.path_of(name)


def test_refuses_what_does_not_fit(settings):
    storage.require_room(1000)
    with pytest.raises(NoRoom):
        storage.require_room(2**60)


def test_keeps_the_reserve_free(settings):
    settings.VMS = {**settings.VMS, "VMS_EXPORT_RESERVE_BYTES": 2**60}

    with pytest.raises(NoRoom):
        storage.require_room(1)


def test_says_that_the_disk_is_full():
    assert isinstance(storage.failed(OSError(errno.ENOSPC, "full")), NoRoom)
    assert isinstance(storage.failed(OSError(errno.EIO, "broken")), StorageFailed)


def test_fails_when_the_folder_cannot_be_made(settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings.STORAGE_DIR = tmp_path / "file"

    with pytest.raises(StorageFailed):
        storage.partial_path("abc-1", "mp4")


def test_makes_nothing_in_the_mount_point_of_a_disk_that_went_away(settings, tmp_path):
    make()
    settings.STORAGE_DIR.rename(tmp_path / "disk")
    settings.STORAGE_DIR.mkdir()

    with pytest.raises(StorageFailed):
        storage.partial_path("abc-2", "mp4")
    assert list(settings.STORAGE_DIR.iterdir()) == []

    settings.STORAGE_DIR.rmdir()
    (tmp_path / "disk").rename(settings.STORAGE_DIR)
    assert not storage.partial_path("abc-2", "mp4").exists()


def test_makes_its_folder_anew_when_somebody_tidied_it_away(settings):
    make().unlink()
    (settings.STORAGE_DIR / ".partial").rmdir()

    assert make().exists()


def test_lists_old_files_of_ours_and_no_others(settings):
    names = [f"{letters * 16}-1" for letters in ("aa", "bb", "cc")]
    old, also_old, fresh = (storage.publish(make(name), name) for name in names)
    partial = make(f"{'dd' * 16}-2")
    foreign = [settings.STORAGE_DIR / "vms.sqlite3", settings.STORAGE_DIR / "aa" / "holiday.mp4"]
    for path in foreign:
        path.write_text("not ours")
    before = timezone.now() - timedelta(hours=1)
    for path in (storage.path_of(old), storage.path_of(also_old), partial, *foreign):
        os.utime(path, (before.timestamp(), before.timestamp()))

    found = storage.strays(timezone.now() - timedelta(minutes=1))

    assert found == sorted([old, also_old, f".partial/{partial.name}"])
    assert storage.path_of(fresh).exists()


def test_forgives_that_a_file_is_gone():
    storage.delete("ab/never-was.mp4")
