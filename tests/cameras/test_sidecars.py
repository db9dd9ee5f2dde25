"""Sidecar indexes: written when a segment is indexed, used instead of it, gone with it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from cameras.archive.index import OutsideFolder, Places
from cameras.archive.retention import apply_retention
from cameras.archive.scanner import scan_folder
from cameras.archive.sidecars import sidecar_path
from cameras.models import Segment
from vms.media.kept import read_with_sidecar
from vms.media.probe import UnreadableMedia
from vms.media.segment import read_segment

pytestmark = [pytest.mark.ffmpeg, pytest.mark.django_db]

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
NAME = "20260314T092600.250000Z.mp4"


@pytest.fixture
def segment(folder, put) -> Segment:
    put(Path(folder.path) / NAME, "sound.mp4")
    scan_folder(folder, full=False, now=NOW)
    return Segment.objects.get()


def file_of(segment: Segment) -> Path:
    return Path(segment.folder.path) / segment.path


def sidecar_of(segment: Segment) -> Path:
    return sidecar_path(segment.folder_id, segment.path)


def test_a_scan_writes_one_for_each_segment(segment):
    sidecar = sidecar_of(segment)
    before = sidecar.stat().st_mtime_ns

    media = read_with_sidecar(file_of(segment), sidecar)

    assert np.array_equal(media.video.pts, read_segment(file_of(segment)).video.pts)
    assert media.config == segment.config
    assert sidecar.stat().st_mtime_ns == before


def test_a_segment_that_changed_is_read_again(segment, put):
    put(file_of(segment), "long.mp4")

    media = read_with_sidecar(file_of(segment), sidecar_of(segment))

    assert len(media.video) == 50
    again = read_with_sidecar(file_of(segment), sidecar_of(segment))
    assert len(again.video) == 50


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "a folder"])
def test_one_that_is_of_no_use_is_made_anew_or_done_without(segment, damage):
    sidecar = sidecar_of(segment)
    sidecar.unlink()
    if damage == "a folder":
        sidecar.mkdir()
    elif damage != "missing":
        sidecar.write_bytes(b"" if damage == "empty" else os.urandom(5000))

    media = read_with_sidecar(file_of(segment), sidecar)

    assert len(media.video) == 20
    if damage != "a folder":
        assert sidecar.stat().st_size > 100


def test_a_segment_that_is_gone_is_gone_whatever_its_sidecar_says(segment):
    file_of(segment).unlink()

    with pytest.raises(UnreadableMedia, match="missing"):
        read_with_sidecar(file_of(segment), sidecar_of(segment))


def test_it_goes_with_the_row(segment, folder, put):
    sidecar = sidecar_of(segment)
    put(Path(folder.path) / "20260314T102600.250000Z.mp4")
    file_of(segment).unlink()

    assert scan_folder(folder, full=False, now=NOW).removed == 1
    assert not sidecar.exists()


def test_it_goes_with_the_archive_folder(segment, folder):
    sidecar = sidecar_of(segment)
    apply_retention(NOW)
    assert sidecar.exists()

    folder.delete()
    apply_retention(NOW)
    assert not sidecar.exists()


def test_finds_files_as_carefully_as_one_by_one(segment, tmp_path):
    places = Places(segment.stream)
    assert places.path_of(segment) == file_of(segment)
    file_of(segment).rename(tmp_path / "outside.mp4")
    file_of(segment).symlink_to(tmp_path / "outside.mp4")
    with pytest.raises(OutsideFolder):
        places.path_of(segment)
    segment.path = "../outside.mp4"
    with pytest.raises(OutsideFolder):
        places.path_of(segment)
