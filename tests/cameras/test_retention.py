"""Old recordings deleted, imported ones never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cameras import tasks
from cameras.archive.retention import apply_retention
from cameras.models import Segment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


@pytest.fixture
def own(folder, camera):
    folder.is_own = True
    folder.save()
    camera.archive_storage_days = 2
    camera.save()
    return folder


@pytest.fixture
def record(add_segment):
    def add(folder, *, days_ago: float) -> Path:
        begin = NOW - timedelta(days=days_ago)
        path = f"{begin:%Y-%m-%d}/{begin:%H}/{begin:%M%S}.mp4"
        add_segment(folder, begin, begin + timedelta(seconds=10), path=path)
        file = Path(folder.path) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 1000)
        return file

    return add


def test_deletes_what_is_older_than_its_camera_keeps(own, record):
    old, young = record(own, days_ago=2.5), record(own, days_ago=1.9)
    report = apply_retention(NOW)
    assert (report.deleted, report.bytes, report.failed) == (1, 1000, 0)
    assert not old.exists()
    assert young.exists()
    assert Segment.objects.get().path == str(young.relative_to(own.path))


def test_removes_emptied_folders_but_not_the_archive_folder(own, record):
    old = record(own, days_ago=3)
    apply_retention(NOW)
    assert not old.parent.parent.exists()
    assert Path(own.path).is_dir()


def test_keeps_a_segment_until_its_end_is_old(own, add_segment):
    cutoff = NOW - timedelta(days=2)
    add_segment(own, cutoff - timedelta(seconds=5), cutoff + timedelta(seconds=5))
    assert apply_retention(NOW).deleted == 0


def test_uses_the_setting_when_the_camera_says_nothing(own, record, camera, settings):
    camera.archive_storage_days = None
    camera.save()
    record(own, days_ago=400)
    settings.VMS = {**settings.VMS, "VMS_ARCHIVE_DAYS": 0}
    assert apply_retention(NOW).deleted == 0
    settings.VMS = {**settings.VMS, "VMS_ARCHIVE_DAYS": 30}
    assert apply_retention(NOW).deleted == 1


def test_zero_days_keep_for_ever(own, record, camera, settings):
    settings.VMS = {**settings.VMS, "VMS_ARCHIVE_DAYS": 30}
    camera.archive_storage_days = 0
    camera.save()
    record(own, days_ago=4000)
    assert apply_retention(NOW).deleted == 0


def test_never_touches_an_imported_folder(own, record):
    own.is_own = False
    own.save()
    old = record(own, days_ago=400)
    apply_retention(NOW)
    assert old.exists()
    assert Segment.objects.count() == 1


def test_never_deletes_outside_the_folder(own, add_segment, tmp_path):
    precious = tmp_path / "precious.mp4"
    precious.write_bytes(b"x")
    begin = NOW - timedelta(days=9)
    add_segment(own, begin, begin + timedelta(seconds=1), path="../precious.mp4")
    report = apply_retention(NOW)
    assert (report.deleted, report.failed) == (0, 1)
    assert precious.exists()


def test_forgets_a_row_whose_file_is_gone_already(own, record):
    record(own, days_ago=9).unlink()
    assert apply_retention(NOW).deleted == 1
    assert Segment.objects.count() == 0


def test_goes_on_after_a_file_that_cannot_be_deleted(own, record):
    stuck = record(own, days_ago=9)
    stuck.unlink()
    stuck.mkdir()  # no permission would do as well, but root has all
    other = record(own, days_ago=8)
    report = apply_retention(NOW)
    assert (report.deleted, report.failed) == (1, 1)
    assert not other.exists()


def test_runs_as_a_task(own, record):
    old = record(own, days_ago=4000)
    tasks.apply_retention()
    assert not old.exists()
