"""Watched folders take turns; nothing one of them holds stops the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from cameras.archive import watching
from cameras.archive.watching import LEASE, claim, follow_watched
from cameras.models import ArchiveFolder

pytestmark = [pytest.mark.ffmpeg, pytest.mark.django_db]

BEGIN = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)


@pytest.fixture
def watch(stream, tmp_path, put):
    """Make a watched folder with so many files."""

    def make(name: str, files: int) -> ArchiveFolder:
        for number in range(files):
            begin = BEGIN + timedelta(seconds=2 * number)
            put(tmp_path / name / f"{begin:%Y%m%dT%H%M%S.%fZ}.mp4")
        (tmp_path / name).mkdir(exist_ok=True)
        return ArchiveFolder.objects.create(
            stream=stream,
            path=str(tmp_path / name),
            layout="%Y%m%dT%H%M%S.%fZ.mp4",
            is_watched=True,
        )

    return make


def counts(*folders: ArchiveFolder) -> list[int]:
    return [folder.segments.count() for folder in folders]


def test_indexes_every_watched_folder(watch):
    first, second = watch("first", 2), watch("second", 1)
    follow_watched()
    assert counts(first, second) == [2, 1]


def test_folders_take_turns_when_time_is_short(watch):
    first, second = watch("first", 3), watch("second", 2)
    seen = []
    for _ in range(5):
        follow_watched(seconds=0)
        seen.append(counts(first, second))
    assert seen == [[1, 0], [1, 1], [2, 1], [2, 2], [3, 2]]


def test_leaves_a_folder_that_another_process_scans(watch):
    first, second = watch("first", 1), watch("second", 1)
    assert claim(first.pk, timezone.now() + LEASE)
    assert not claim(first.pk, timezone.now() + LEASE)
    follow_watched()
    assert counts(first, second) == [0, 1]


def test_takes_over_the_folder_of_a_process_that_was_killed(watch):
    folder = watch("first", 1)
    assert claim(folder.pk, timezone.now() - timedelta(seconds=1))
    follow_watched()
    assert counts(folder) == [1]


def test_leaves_a_folder_that_is_no_longer_watched(watch):
    folder = watch("first", 1)
    ArchiveFolder.objects.update(is_watched=False)
    assert not claim(folder.pk, timezone.now() + LEASE)


def test_a_folder_that_breaks_does_not_stop_the_others(watch, monkeypatch, caplog):
    broken, sound = watch("broken", 1), watch("sound", 1)
    scan_folder = watching.scan_folder

    def break_one(folder, **options):  # as a defect of ours would; no file is known to do it
        if folder.pk == broken.pk:
            raise ValueError("boom")
        return scan_folder(folder, **options)

    monkeypatch.setattr(watching, "scan_folder", break_one)
    with caplog.at_level("ERROR"):
        follow_watched()
    assert counts(broken, sound) == [0, 1]
    assert f"'folder': {broken.pk}" in str([record.msg for record in caplog.records])
    monkeypatch.undo()
    follow_watched()
    assert counts(broken, sound) == [1, 1]  # it was let go of
