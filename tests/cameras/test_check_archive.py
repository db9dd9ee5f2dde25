"""`manage.py check_archive`: rows of archive folders against their files, both ways."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from cameras.archive.sidecars import sidecar_path
from cameras.models import Segment

pytestmark = [pytest.mark.ffmpeg, pytest.mark.django_db]

BEGIN = datetime(2026, 3, 14, 9, 26, 0, 250_000, tzinfo=UTC)


def name_of(number):
    return f"{BEGIN + timedelta(seconds=2 * number):%Y%m%dT%H%M%S.%fZ}.mp4"


def check(*arguments):
    out = io.StringIO()
    try:
        call_command("check_archive", *arguments, stdout=out, no_color=True)
    except SystemExit as end:
        return int(end.code), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def root(folder, put):
    """A folder with three files and their rows."""
    root = Path(folder.path)
    for number in range(3):
        put(root / name_of(number))
    assert scan_folder(folder, full=False, now=timezone.now()).indexed == 3
    return root


def test_says_that_all_is_well(root):
    code, said = check()
    assert code == 0
    assert "3 rows, 0 differences" in said
    assert said.endswith("Rows and files agree.\n")


def test_names_a_row_without_a_file(root):
    (root / name_of(1)).unlink()

    code, said = check()
    assert (code, f"row without a file: {name_of(1)}" in said) == (1, True)
    assert Segment.objects.count() == 3  # told, not changed
    assert check("--fix")[0] == 0
    assert Segment.objects.count() == 2


def test_names_a_file_that_changed(root, put):
    put(root / name_of(1), "long.mp4", closed_at=BEGIN)

    assert f"file changed since it was indexed: {name_of(1)}" in check()[1]
    assert check("--fix")[0] == 0
    assert Segment.objects.get(path=name_of(1)).size == (root / name_of(1)).stat().st_size


def test_names_a_file_without_a_row(root, put, folder):
    put(root / name_of(7))

    assert f"file not indexed: {name_of(7)}" in check()[1]
    assert not sidecar_path(folder.pk, name_of(7)).exists()  # looking leaves nothing
    assert check("--fix")[0] == 0
    assert Segment.objects.filter(path=name_of(7)).exists()


def test_tells_files_of_no_use_and_counts_them_not(root):
    broken = root / name_of(8)
    broken.write_bytes(b"no film")
    os.utime(broken, (0, 0))
    (root / "notes.txt").write_text("x")
    os.utime(root / "notes.txt", (0, 0))

    code, said = check()
    assert code == 0
    assert f"of no use: {name_of(8)}: " in said
    assert "of no use: notes.txt: its name does not fit the layout" in said


def test_names_the_index_of_a_segment_that_has_no_row(root, folder):
    kept = sidecar_path(folder.pk, name_of(0))
    assert kept.exists()
    stray = sidecar_path(folder.pk, name_of(9))
    stray.write_bytes(b"x")

    assert f"index of a segment that has no row: {name_of(9)}" in check()[1]
    assert check("--fix")[0] == 0
    assert (stray.exists(), kept.exists()) == (False, True)


def test_leaves_what_may_still_be_written(root, put):
    put(root / name_of(9), closed_at=timezone.now())

    code, said = check("--fix")
    assert (code, "1 files may still be written" in said) == (0, True)
    assert Segment.objects.count() == 3


@pytest.mark.parametrize("how", ["empty", "away"])
def test_changes_nothing_while_the_disk_is_away(root, how):
    root.rename(root.with_name("unmounted"))
    if how == "empty":
        root.mkdir()

    code, said = check("--fix")
    assert (code, "is its disk mounted" in said) == (1, True)
    assert Segment.objects.count() == 3


def test_looks_at_one_folder_when_asked_to(root, folder):
    (root / name_of(1)).unlink()

    assert check("--folder", str(folder.pk))[0] == 1
    with pytest.raises(CommandError, match="--folder: there is no such archive folder"):
        check("--folder", str(folder.pk + 1))
