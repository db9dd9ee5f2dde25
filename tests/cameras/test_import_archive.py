"""The commands import_archive and scan_archive, and the task that follows watched folders."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cameras import tasks
from cameras.archive.summary import MOST_NAMED
from cameras.management.commands.import_archive import Command
from cameras.models import ArchiveFolder, Camera, Segment, Stream

pytestmark = [pytest.mark.ffmpeg, pytest.mark.django_db]

LAYOUT = "%Y%m%dT%H%M%S.%fZ.mp4"


def run(*arguments: object) -> dict:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def root(tmp_path, put):
    """Three files: two that follow one another, one a minute later."""
    root = tmp_path / "old recordings"
    for name in ("092600", "092602", "092700"):
        put(root / f"20260314T{name}.000000Z.mp4")
    return root


def test_indexes_in_place_and_prints_a_summary(camera, stream, root):
    before = sorted(root.iterdir())
    (root / "notes.txt").write_text("hello")
    answer = run("import_archive", camera.pk, root, "--layout", LAYOUT)
    folder = ArchiveFolder.objects.get()
    assert answer == {
        "folder_id": folder.pk,
        "camera_id": camera.pk,
        "stream_id": stream.pk,
        "layout": LAYOUT,
        "zone": "UTC",
        "watched": False,
        "problem": None,
        "indexed": 3,
        "changed": 0,
        "unchanged": 0,
        "removed": 0,
        "pending": 0,
        "other_cameras": 0,
        "skipped_count": 1,
        "skipped_shown": 1,
        "skipped": [{"path": "notes.txt", "reason": "its name does not fit the layout"}],
        "damaged": [],
        "begin": "2026-03-14T09:26:00.000000Z",
        "end": "2026-03-14T09:27:02.000000Z",
        "duration": 6.0,
        "gaps": 1,
    }
    assert (folder.stream, folder.path, folder.is_own) == (stream, str(root), False)
    assert sorted(path for path in root.iterdir() if path.suffix == ".mp4") == before


def test_imports_again_without_doing_anything_twice(camera, stream, root):
    run("import_archive", camera.pk, root, "--layout", LAYOUT)
    answer = run("import_archive", camera.uuid, root, "--layout", LAYOUT)
    assert (answer["indexed"], answer["unchanged"]) == (0, 3)
    assert (ArchiveFolder.objects.count(), Segment.objects.count()) == (1, 3)


def test_imports_again_with_a_corrected_layout(camera, stream, tmp_path, put, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    put(tmp_path / "old" / "20260314-092600.mp4")
    run("import_archive", camera.pk, tmp_path / "old", "--layout", "%Y%m%d-%H%M%S")
    assert Segment.objects.get().begin.hour == 8
    (tmp_path / "old" / "20260314-092600.mp4").rename(tmp_path / "old" / "20260314-092600Z.mp4")
    answer = run("import_archive", camera.pk, tmp_path / "old", "--layout", "%Y%m%d-%H%M%SZ")
    assert (answer["indexed"], answer["removed"]) == (1, 1)
    assert Segment.objects.get().begin.hour == 9


def test_imports_again_with_a_corrected_zone(camera, stream, tmp_path, put, settings):
    for name in ("20260314-092600", "20260314-092602", "20260314-092700"):
        put(tmp_path / "old" / f"{name}.mp4")
    command = ("import_archive", camera.pk, tmp_path / "old", "--layout", "%Y%m%d-%H%M%S")
    run(*command)
    settings.TIME_ZONE = "Europe/Berlin"
    answer = run(*command)
    assert (answer["changed"], answer["unchanged"], answer["zone"]) == (3, 0, "Europe/Berlin")
    assert (answer["begin"], answer["duration"]) == ("2026-03-14T08:26:00.000000Z", 6.0)
    answer = run(*command)
    assert (answer["changed"], answer["unchanged"]) == (0, 3)


def test_a_watched_folder_follows_a_corrected_zone(camera, stream, tmp_path, put, settings):
    put(tmp_path / "old" / "20260314-092600.mp4")
    run("import_archive", camera.pk, tmp_path / "old", "--layout", "%Y%m%d-%H%M%S", "--watch")
    settings.TIME_ZONE = "Europe/Berlin"
    tasks.scan_watched()
    assert Segment.objects.get().begin == datetime(2026, 3, 14, 8, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("layout", "name", "zone"),
    [
        ("%Y%m%d-%H%M%S", "20260314-092600.mp4", "Europe/Berlin"),
        ("mediamtx", "gate/2026-03-14_09-26-00-123456.mp4", "Europe/Berlin"),
        ("%Y%m%d-%H%M%SZ", "20260314-092600Z.mp4", "UTC"),
        ("frigate", "2026-03-14/09/gate/26.00.mp4", "UTC"),
        ("%s", "1773480360.mp4", "UTC"),
        ("%Y%m%d-%H%M%S%z", "20260314-092600+0200.mp4", None),
    ],
)
def test_says_the_zone_names_were_read_in(
    camera, stream, tmp_path, put, settings, layout, name, zone
):
    settings.TIME_ZONE = "Europe/Berlin"
    put(tmp_path / "old" / name)
    answer = run("import_archive", camera.pk, tmp_path / "old", "--layout", layout)
    assert (answer["indexed"], answer["zone"]) == (1, zone)


def test_says_how_many_of_the_skipped_files_it_shows(camera, stream, root):
    for number in range(MOST_NAMED + 5):
        (root / f"{number}.txt").write_text("hello")
    answer = run("import_archive", camera.pk, root, "--layout", LAYOUT)
    assert (answer["skipped_count"], answer["skipped_shown"]) == (MOST_NAMED + 5, MOST_NAMED)
    assert len(answer["skipped"]) == MOST_NAMED


def test_help_tells_the_zone_and_how_to_choose_a_camera():
    text = " ".join(Command().create_parser("manage.py", "import_archive").format_help().split())
    assert "Names that do not say a zone are read in VMS_TIME_ZONE." in text
    assert '--layout "mediamtx camera=NAME"' in text


def test_reads_mediamtx_recordings_of_one_of_several_paths(camera, stream, tmp_path, put):
    for path in ("front-yard", "porch"):
        put(tmp_path / "rec" / path / "2026-03-14_09-26-00-123456.mp4")
    answer = run("import_archive", camera.pk, tmp_path / "rec", "--layout", "mediamtx")
    assert (answer["indexed"], answer["other_cameras"]) == (1, 1)
    assert answer["layout"] == "mediamtx camera=front-yard"
    again = run("import_archive", camera.pk, tmp_path / "rec", "--layout", "mediamtx")
    assert (again["indexed"], again["unchanged"]) == (0, 1)


def test_refuses_recordings_of_several_strangers_and_says_how_to_choose(
    camera, stream, tmp_path, put, caplog
):
    for name in ("gate", "porch"):
        put(tmp_path / "rec" / "2026-03-14" / "09" / name / "26.00.mp4")
    with pytest.raises(CommandError, match=r"\(gate, porch\).*frigate camera=gate") as refused:
        run("import_archive", camera.pk, tmp_path / "rec", "--layout", "frigate")
    assert str(tmp_path) not in str(refused.value)
    assert "several cameras" not in caplog.text
    assert ArchiveFolder.objects.count() == 0
    answer = run("import_archive", camera.pk, tmp_path / "rec", "--layout", "frigate camera=porch")
    assert (answer["indexed"], answer["other_cameras"]) == (1, 1)


@pytest.mark.parametrize(("asked", "kind"), [(("--stream", "low"), "low"), ((), "high")])
def test_makes_the_stream_when_the_camera_has_none(camera, root, asked, kind):
    run("import_archive", camera.pk, root, "--layout", LAYOUT, *asked)
    assert Stream.objects.get().type == kind
    assert Stream.objects.get().url == ""


def test_uses_the_only_stream_there_is(camera, root):
    low = Stream.objects.create(camera=camera, type="low")
    assert run("import_archive", camera.pk, root, "--layout", LAYOUT)["stream_id"] == low.pk


def test_waits_for_files_just_closed(camera, stream, root, put, settings):
    settings.VMS = {**settings.VMS, "VMS_SEGMENT_SETTLE_SECONDS": 1}
    put(root / "20260314T092800.000000Z.mp4", closed_at=timezone.now())
    answer = run("import_archive", camera.pk, root, "--layout", LAYOUT)
    assert (answer["indexed"], answer["unchanged"], answer["pending"]) == (4, 0, 0)


def test_watch_goes_on_indexing_what_is_added(camera, stream, root, put):
    assert run("import_archive", camera.pk, root, "--layout", LAYOUT, "--watch")["watched"]
    put(root / "20260314T092800.000000Z.mp4")
    tasks.scan_watched()
    assert Segment.objects.count() == 4


def test_logs_why_a_watched_folder_is_not_scanned(camera, stream, tmp_path, caplog):
    ArchiveFolder.objects.create(
        stream=stream, path=str(tmp_path / "gone"), layout=LAYOUT, is_watched=True
    )
    tasks.scan_watched()
    assert "is its disk mounted" in caplog.text
    assert str(tmp_path) not in caplog.text


def test_does_not_follow_a_folder_that_is_not_watched(camera, stream, root, put):
    run("import_archive", camera.pk, root, "--layout", LAYOUT)
    put(root / "20260314T092800.000000Z.mp4")
    tasks.scan_watched()
    assert Segment.objects.count() == 3


@pytest.mark.parametrize(
    ("camera_id", "directory", "options", "message"),
    [
        ("999", "", (), "CAMERA_ID: there is no such camera"),
        ("9" * 30, "", (), "CAMERA_ID: write the id or uuid"),
        ("front", "", (), "CAMERA_ID: write the id or uuid"),
        ("", "missing", (), "DIR: there is no such folder"),
        ("", "20260314T092600.000000Z.mp4", (), "DIR: there is no such folder"),
        ("", "", ("--layout", "%Y-%m-%d.mp4"), "--layout: .*add %H"),
        ("", "", ("--layout", "%s" + "x" * 300), "--layout: write at most 255"),
        ("", "", ("--stream", "middle"), "--stream: invalid choice"),
    ],
)
def test_refuses_bad_input_naming_key_and_cure(
    camera, stream, root, camera_id, directory, options, message
):
    with pytest.raises(CommandError, match=message):
        run("import_archive", camera_id or camera.pk, root / directory, *options)
    assert ArchiveFolder.objects.count() == 0


def test_refuses_a_layout_no_name_fits_and_says_what_to_choose(camera, stream, root):
    (root / "a note.txt").write_text("hello")
    message = r'fits the layout vms; one found is "20260314T092600.000000Z.mp4".*mediamtx \(%path'
    with pytest.raises(CommandError, match=message) as refused:
        run("import_archive", camera.pk, root, "--watch")
    assert refused.value.returncode == 1
    assert str(root) not in str(refused.value)
    assert ArchiveFolder.objects.count() == 0


def test_a_layout_no_name_fits_changes_nothing_about_a_folder_there_was(camera, stream, root):
    folder = ArchiveFolder.objects.create(stream=stream, path=str(root), layout=LAYOUT)
    with pytest.raises(CommandError, match="No file's name fits the layout frigate"):
        run("import_archive", camera.pk, root, "--layout", "frigate")
    folder.refresh_from_db()
    assert (folder.layout, folder.is_watched) == (LAYOUT, False)


@pytest.mark.parametrize("layout", ["frigate", "%Y%m%dT%H%M%S.%fZ-<camera>.mp4"])
def test_a_layout_no_name_fits_leaves_what_is_indexed_and_is_no_success(
    camera, stream, root, layout
):
    run("import_archive", camera.pk, root, "--layout", LAYOUT)
    with pytest.raises(CommandError, match=r"^--layout: No file's name fits the layout"):
        run("import_archive", camera.pk, root, "--layout", layout)
    assert ArchiveFolder.objects.get().layout == LAYOUT
    assert run("import_archive", camera.pk, root, "--layout", LAYOUT)["unchanged"] == 3


def test_a_layout_that_fits_some_drops_what_only_the_one_before_could_read(
    camera, stream, tmp_path, put
):
    put(tmp_path / "old" / "20260314-092600.mp4")
    run("import_archive", camera.pk, tmp_path / "old", "--layout", "%Y%m%d-%H%M%S")
    put(tmp_path / "old" / "20260314-092700Z.mp4")
    answer = run("import_archive", camera.pk, tmp_path / "old", "--layout", "%Y%m%d-%H%M%SZ")
    assert (answer["indexed"], answer["removed"], answer["skipped_count"]) == (1, 1, 1)
    assert Segment.objects.get().path == "20260314-092700Z.mp4"


@pytest.mark.parametrize("is_known", [False, True])
def test_a_camera_that_is_not_there_is_refused_with_those_that_are(
    camera, stream, tmp_path, put, is_known
):
    for name in ("gate", "porch"):
        put(tmp_path / "rec" / "2026-03-14" / "09" / name / "26.00.mp4")
    if is_known:
        run("import_archive", camera.pk, tmp_path / "rec", "--layout", "frigate camera=gate")
    with pytest.raises(CommandError, match=r"^--layout: .*after camera= one of: gate, porch"):
        run("import_archive", camera.pk, tmp_path / "rec", "--layout", "frigate camera=gatte")
    assert [folder.layout for folder in ArchiveFolder.objects.all()] == (
        ["frigate camera=gate"] if is_known else []
    )
    assert Segment.objects.count() == int(is_known)


def test_refuses_a_folder_none_of_whose_files_can_be_used(camera, stream, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "20260314-092600.mp4").write_text("no film")
    os.utime(tmp_path / "old" / "20260314-092600.mp4", (0, 0))
    with pytest.raises(
        CommandError, match=r'^DIR: None of the files .*\(1\)\. Of "20260314-092600.mp4"'
    ):
        run("import_archive", camera.pk, tmp_path / "old", "--layout", "%Y%m%d-%H%M%S")
    assert ArchiveFolder.objects.count() == 0


def test_imports_an_empty_folder_to_be_filled_later(camera, stream, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run("import_archive", camera.pk, tmp_path / "empty", "--watch")["watched"]


def test_refuses_a_folder_around_or_in_one_that_is_imported(camera, stream, root, put):
    put(root / "2026" / "20260314T092800.000000Z.mp4")
    run("import_archive", camera.pk, root / "2026", "--layout", LAYOUT)
    with pytest.raises(CommandError, match="count twice"):
        run("import_archive", camera.pk, root, "--layout", LAYOUT)
    other = Camera.objects.create(name="Other")
    assert run("import_archive", other.pk, root, "--layout", LAYOUT)["indexed"] == 3


def test_refuses_to_import_what_our_recorder_writes(camera, stream, root):
    ArchiveFolder.objects.create(stream=stream, path=str(root), layout="vms", is_own=True)
    with pytest.raises(CommandError, match="DIR: our own recorder"):
        run("import_archive", camera.pk, root, "--layout", LAYOUT)


def test_scan_archive_brings_every_folder_up_to_date(camera, stream, root, put, tmp_path):
    run("import_archive", camera.pk, root, "--layout", LAYOUT)
    gone = ArchiveFolder.objects.create(stream=stream, path=str(tmp_path / "gone"), layout=LAYOUT)
    (root / "20260314T092600.000000Z.mp4").unlink()
    put(root / "20260314T092800.000000Z.mp4")
    answer = run("scan_archive")
    assert (answer["indexed"], answer["unchanged"], answer["removed"]) == (1, 2, 1)
    assert [one["gaps"] for one in answer["folders"]] == [2, 0]
    assert answer["folders"][1]["folder_id"] == gone.pk
    assert "is its disk mounted" in answer["folders"][1]["problem"]


def test_scan_archive_full_reads_every_file_again(camera, stream, root):
    run("import_archive", camera.pk, root, "--layout", LAYOUT)
    Segment.objects.update(end=datetime(2026, 3, 14, 10, tzinfo=UTC))
    assert run("scan_archive")["folders"][0]["duration"] > 1000
    assert run("scan_archive", "--full")["folders"][0]["duration"] == 6
    assert Segment.objects.first().interval.duration == timedelta(seconds=2)
