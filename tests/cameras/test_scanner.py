"""Files of an archive folder becoming rows, with real media."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cameras.archive.folders import layout_of
from cameras.archive.index import OutsideFolder
from cameras.archive.listing import list_files
from cameras.archive.rows import known_rows
from cameras.archive.scanner import Scan, ScanReport, scan_folder
from cameras.archive.single import index_file
from cameras.models import ArchiveFolder, Segment

pytestmark = [pytest.mark.ffmpeg, pytest.mark.django_db]

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
BEGIN = datetime(2026, 3, 14, 9, 26, 0, 250_000, tzinfo=UTC)


def name_of(begin: datetime) -> str:
    return f"{begin:%Y%m%dT%H%M%S.%fZ}.mp4"


def scan(folder: ArchiveFolder, *, full: bool = False, now: datetime = NOW) -> ScanReport:
    folder.refresh_from_db()
    return scan_folder(folder, full=full, now=now)


def refused(report: ScanReport) -> dict[str, str]:
    return {file.path: file.reason for file in report.skipped}


@pytest.fixture
def root(folder) -> Path:
    return Path(folder.path)


def test_makes_a_row_of_each_file(folder, root, put):
    put(root / name_of(BEGIN), "sound.mp4")
    put(root / name_of(BEGIN + timedelta(seconds=2)))
    report = scan(folder)
    assert (report.indexed, report.skipped, report.problem) == (2, [], "")
    first, second = Segment.objects.order_by("begin")
    assert (first.begin, first.end) == (BEGIN, BEGIN + timedelta(seconds=2))
    assert (first.path, first.size) == (name_of(BEGIN), (root / name_of(BEGIN)).stat().st_size)
    assert (first.video_codec, first.audio_codec) == ("h264", "aac")
    assert (first.width, first.height) == (160, 90)
    assert second.audio_codec == ""
    assert first.config != second.config


def test_tells_the_stream_what_its_newest_segment_is_like(folder, root, put):
    put(root / name_of(BEGIN), "sound.mp4")
    put(root / name_of(BEGIN - timedelta(minutes=1)), "long.mp4")
    scan(folder)
    folder.stream.refresh_from_db()
    assert folder.stream.longest_segment == timedelta(seconds=5)
    assert (folder.stream.has_sound, folder.stream.width, folder.stream.height) == (True, 160, 90)


def test_changes_nothing_the_second_time(folder, root, put, django_assert_max_num_queries):
    for second in range(0, 20, 2):
        put(root / name_of(BEGIN + timedelta(seconds=second)))
    scan(folder)
    before = list(Segment.objects.values())
    folder.refresh_from_db()
    with django_assert_max_num_queries(3):
        report = scan_folder(folder, full=False, now=NOW)
    assert (report.indexed, report.changed, report.unchanged) == (0, 0, 10)
    assert list(Segment.objects.values()) == before


def test_reads_files_in_folders_of_folders_and_transport_streams(folder, root, put):
    folder.layout = "vms"
    folder.save()
    put(root / "2026-03-14/09/20260314T092600.000000Z.mp4")
    put(root / "2026-03-14/09/20260314T092602.000000Z.ts", "transport.ts")
    assert scan(folder).indexed == 2
    assert [one.end - one.begin for one in Segment.objects.all()] == [timedelta(seconds=2)] * 2


def test_names_what_is_of_no_use_and_takes_the_rest(folder, root, put, clips):
    good = put(root / name_of(BEGIN))
    bad = [name_of(BEGIN + timedelta(minutes=minute)) for minute in range(1, 5)]
    (root / bad[0]).touch()
    (root / bad[1]).write_bytes(b"not a film" * 1000)
    (root / bad[2]).write_bytes(good.read_bytes()[:2000])  # the index of a plain mp4 comes last
    put(root / bad[3], "only_sound.mp4")
    (root / "notes.txt").write_text("hello")
    (root / "link.mp4").symlink_to(good)
    os.mkfifo(root / "pipe.mp4")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.mp4")).touch()
    for path in root.iterdir():
        if path.is_file() and path != good:
            os.utime(path, (0, 0))
    report = scan(folder)
    assert report.indexed == 1
    assert refused(report) == {
        bad[0]: "the file is empty",
        bad[1]: "the file is damaged or not a video",
        bad[2]: "the file was cut short and its index is lost",
        bad[3]: "the file has no video track",
        "notes.txt": "its name does not fit the layout",
        "link.mp4": "it is a link or a device, not a file",
        "pipe.mp4": "it is a link or a device, not a file",
        "\udcff.mp4": "its name is not UTF-8",
    }
    assert not any(str(root) in file.path + file.reason for file in report.skipped)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("9999-12-31_23-59-59-900000.mp4", "UTC"),
        ("9999-12-31_23-59-59-900000.mp4", "Asia/Tokyo"),
        ("0001-01-01_00-00-00-000000.mp4", "UTC"),
    ],
)
def test_names_a_file_whose_time_cannot_be(folder, root, put, settings, name, zone):
    settings.TIME_ZONE = zone
    folder.layout = "%Y-%m-%d_%H-%M-%S-%f"
    folder.save()
    put(root / name)
    put(root / "2026-03-14_09-26-00-000000.mp4")
    report = scan(folder)
    assert report.indexed == 1
    assert refused(report) == {name: "its name tells a time that cannot be"}


def test_names_a_file_written_in_a_year_no_column_holds(folder, root, put):
    late = put(root / name_of(BEGIN))
    os.utime(late, ns=(0, 2**63))
    if late.stat().st_mtime_ns < 2**63:
        pytest.skip("this file system keeps no such time")
    put(root / name_of(BEGIN + timedelta(seconds=2)))
    report = scan(folder)
    assert report.indexed == 1
    assert refused(report) == {name_of(BEGIN): "it was last written at a time that cannot be"}


def test_names_a_file_of_an_unknown_codec(folder, root, put):
    strange = put(root / name_of(BEGIN))
    strange.write_bytes(strange.read_bytes().replace(b"avc1", b"zzzz"))
    os.utime(strange, (0, 0))
    put(root / name_of(BEGIN + timedelta(seconds=2)))
    report = scan(folder)
    assert report.indexed == 1
    assert list(refused(report)) == [name_of(BEGIN)]


def test_goes_on_where_the_scan_before_ran_out_of_time(folder, root, put):
    for second in range(0, 6, 2):
        put(root / name_of(BEGIN + timedelta(seconds=second)))
    for left in (2, 1, 0):
        folder.refresh_from_db()
        report = scan_folder(folder, full=False, now=NOW, deadline=0)
        assert (report.indexed, report.left) == (1, left)
    assert Segment.objects.count() == 3


def test_files_of_no_use_do_not_hold_up_a_scan_that_runs_out_of_time(folder, root, put):
    for second in range(3):
        (root / name_of(BEGIN + timedelta(seconds=second))).touch()
        os.utime(root / name_of(BEGIN + timedelta(seconds=second)), (0, 0))
    put(root / name_of(BEGIN + timedelta(minutes=1)))
    indexed = []
    for _ in range(5):
        folder.refresh_from_db()
        indexed.append(scan_folder(folder, full=False, now=NOW, deadline=0).indexed)
    assert indexed == [0, 0, 0, 1, 0]
    folder.refresh_from_db()
    assert folder.scan_resumes_after == name_of(BEGIN)  # from the front again


def test_ignores_hidden_files_and_folders(folder, root, put):
    put(root / ".partial" / name_of(BEGIN))
    put(root / f".{name_of(BEGIN)}")
    report = scan(folder)
    assert (report.indexed, report.skipped) == (0, [])


def test_uses_the_whole_part_of_a_damaged_file(folder, root, put, clips):
    path = root / name_of(BEGIN)
    whole = (clips / "fragmented.mp4").read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 5])
    os.utime(path, (0, 0))
    report = scan(folder)
    assert report.indexed == 1
    assert [file.path for file in report.damaged] == [name_of(BEGIN)]
    length = Segment.objects.get().interval.duration
    assert timedelta() < length < timedelta(seconds=2)


def test_leaves_a_file_that_may_still_be_written(folder, root, put, settings):
    settings.VMS = {**settings.VMS, "VMS_SEGMENT_SETTLE_SECONDS": 5}
    put(root / name_of(BEGIN), closed_at=NOW - timedelta(seconds=4))
    report = scan(folder)
    assert (report.indexed, report.pending) == (0, 1)
    assert scan(folder, now=NOW + timedelta(seconds=2)).indexed == 1


def test_leaves_the_newest_file_of_a_watched_folder_for_a_minute(folder, root, put):
    folder.is_watched = True
    folder.save()
    put(root / name_of(BEGIN), closed_at=NOW - timedelta(seconds=50))
    put(root / name_of(BEGIN + timedelta(seconds=2)), closed_at=NOW - timedelta(seconds=48))
    report = scan(folder)
    assert (report.indexed, report.pending) == (1, 1)
    assert scan(folder, now=NOW + timedelta(seconds=20)).indexed == 1


def test_forgets_deleted_files(folder, root, put):
    for second in (0, 2, 4):
        put(root / name_of(BEGIN + timedelta(seconds=second)))
    scan(folder)
    (root / name_of(BEGIN)).unlink()
    report = scan(folder)
    assert (report.removed, report.unchanged) == (1, 2)
    assert Segment.objects.filter(begin=BEGIN).count() == 0


def test_reads_a_changed_file_again(folder, root, put):
    path = put(root / name_of(BEGIN))
    scan(folder)
    put(path, "long.mp4")
    report = scan(folder)
    assert (report.indexed, report.changed, report.removed) == (0, 1, 0)
    assert Segment.objects.get().end == BEGIN + timedelta(seconds=5)
    folder.stream.refresh_from_db()
    assert folder.stream.longest_segment == timedelta(seconds=5)


def test_forgets_a_file_that_became_unreadable(folder, root, put):
    path = put(root / name_of(BEGIN))
    scan(folder)
    path.write_bytes(b"")
    os.utime(path, (0, 0))
    report = scan(folder)
    assert refused(report) == {name_of(BEGIN): "the file is empty"}
    assert (report.removed, Segment.objects.count()) == (1, 0)


def test_full_reads_unchanged_files_again(folder, root, put):
    put(root / name_of(BEGIN))
    scan(folder)
    Segment.objects.update(video_codec="mistaken")
    scan(folder)
    assert Segment.objects.get().video_codec == "mistaken"
    report = scan(folder, full=True)
    assert (report.indexed, report.unchanged) == (0, 1)
    assert Segment.objects.get().video_codec == "h264"


def test_forgets_nothing_when_the_folder_has_vanished(folder, root, put):
    put(root / name_of(BEGIN))
    scan(folder)
    shutil.rmtree(root)
    report = scan(folder)
    assert "is its disk mounted" in report.problem
    assert str(root) not in report.problem
    assert Segment.objects.count() == 1


def test_forgets_nothing_when_only_an_empty_mount_point_is_left(folder, root, put):
    put(root / name_of(BEGIN))
    scan(folder)
    (root / name_of(BEGIN)).unlink()
    report = scan(folder)
    assert "1 segments of it are known" in report.problem
    assert Segment.objects.count() == 1


def test_forgets_nothing_below_a_folder_it_may_not_enter(folder, root, put, monkeypatch):
    folder.layout = "%Y/%Y%m%dT%H%M%S.%fZ.mp4"
    folder.save()
    put(root / "2026" / name_of(BEGIN))
    scan(folder)
    scandir = os.scandir

    def refuse(path):  # as the system does; not by chmod, because root may enter every folder
        if Path(path).name == "2026":
            raise PermissionError
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = scan(folder)
    assert refused(report) == {"2026/": "the folder cannot be read"}
    assert Segment.objects.count() == 1


def test_forgets_what_lies_behind_a_link(folder, root, put, tmp_path):
    folder.layout = "%Y/%Y%m%dT%H%M%S.%fZ.mp4"
    folder.save()
    put(root / "2026" / name_of(BEGIN))
    put(root / "2027" / name_of(BEGIN.replace(year=2027)))
    scan(folder)
    (root / "2026").rename(tmp_path / "elsewhere")
    (root / "2026").symlink_to(tmp_path / "elsewhere")
    report = scan(folder)
    assert report.removed == 1
    assert refused(report) == {"2026": "it is a link or a device, not a file"}
    assert [one.begin.year for one in Segment.objects.all()] == [2027]


def test_two_scans_at_once_make_each_row_once(folder, root, put):
    put(root / name_of(BEGIN))
    known, listing = known_rows(folder), list_files(root)
    put(root / name_of(BEGIN + timedelta(seconds=2)))
    assert scan(folder).indexed == 2
    late = ScanReport()
    Scan(folder, layout_of(folder), late, full=False, now=NOW).run(listing, known)
    assert (late.removed, late.skipped) == (0, [])
    assert Segment.objects.count() == 2


def test_snaps_files_whose_names_tell_only_seconds(folder, root, put):
    folder.layout = "%Y%m%d-%H%M%SZ.mp4"
    folder.save()
    begin = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
    for name in ("092600", "092602", "092605", "092607", "092650"):
        put(root / f"20260314-{name}Z.mp4")
    scan(folder)
    began = [(one.begin - begin).total_seconds() for one in Segment.objects.order_by("begin")]
    # 05 is within 1.5 s of the end at 04, 07 of 06; 50 is a new recording.
    assert began == [0, 2, 4, 6, 50]


def test_anchors_again_when_names_and_lengths_drift_apart(folder, root, put):
    folder.layout = "%Y%m%d-%H%M%SZ.mp4"
    folder.save()
    for second in range(0, 15, 3):  # each two seconds long, named three apart
        put(root / f"20260314-0926{second:02}Z.mp4")
    scan(folder)
    began = [one.begin.second for one in Segment.objects.order_by("begin")]
    assert began == [0, 2, 6, 8, 12]


def test_snaps_to_what_an_earlier_scan_indexed(folder, root, put):
    folder.layout = "%Y%m%d-%H%M%SZ.mp4"
    folder.save()
    put(root / "20260314-092600Z.mp4")
    scan(folder)
    put(root / "20260314-092603Z.mp4")
    scan(folder)
    assert [one.begin.second for one in Segment.objects.order_by("begin")] == [0, 2]


def test_trusts_names_that_tell_microseconds(folder, root, put):
    later = BEGIN + timedelta(seconds=2, milliseconds=40)
    put(root / name_of(BEGIN))
    put(root / name_of(later))
    scan(folder)
    assert Segment.objects.latest("begin").begin == later


def test_tells_the_repeated_hour_by_when_the_file_was_written(folder, root, put, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    folder.layout = "mediamtx"
    folder.save()
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = first + timedelta(hours=1)
    put(root / "2026-10-25_02-30-00-000001.mp4", closed_at=first + timedelta(seconds=2))
    put(root / "2026-10-25_02-30-00-000002.mp4", closed_at=second + timedelta(seconds=2))
    put(root / "2026-10-25_02-30-00-000003.mp4", closed_at=second + timedelta(days=9))
    scan(folder, now=second + timedelta(days=10))
    began = {one.path[-5]: one.begin.hour for one in Segment.objects.all()}
    assert began == {"1": 0, "2": 1, "3": 0}


def test_takes_the_only_camera_and_stays_with_it(folder, root, put):
    folder.layout = "frigate"
    folder.save()
    put(root / "2026-03-14/09/porch/26.00.mp4")
    assert scan(folder).indexed == 1
    put(root / "2026-03-14/09/yard/26.00.mp4")
    report = scan(folder)
    assert (report.indexed, report.unchanged, report.others) == (0, 1, 1)
    folder.refresh_from_db()
    assert folder.layout == "frigate camera=porch"


@pytest.mark.parametrize("called", ["Front Yard", "front-yard", "uuid"])
def test_takes_the_camera_that_is_called_like_ours(folder, root, put, camera, called):
    folder.layout = "frigate"
    folder.save()
    called = str(camera.uuid) if called == "uuid" else called
    put(root / f"2026-03-14/09/{called}/26.00.mp4")
    put(root / "2026-03-14/09/porch/26.00.mp4")
    report = scan(folder)
    assert (report.indexed, report.others) == (1, 1)
    assert called in Segment.objects.get().path


def test_refuses_several_cameras_none_of_which_is_ours(folder, root, put):
    folder.layout = "mediamtx"
    folder.save()
    put(root / "porch/2026-03-14_09-26-00-000000.mp4")
    put(root / "side/door/2026-03-14_09-26-00-000000.mp4")
    report = scan(folder)
    assert "(porch, side/door)" in report.problem
    assert '--layout "mediamtx camera=porch"' in report.problem
    assert Segment.objects.count() == 0


def test_reports_a_layout_that_cannot_be_used(folder):
    folder.layout = "%Y"
    folder.save()
    assert "does not tell" in scan(folder).problem


def test_indexes_one_closed_file(folder, root, put):
    put(root / name_of(BEGIN), "sound.mp4", closed_at=NOW)
    segment = index_file(folder, name_of(BEGIN))
    assert segment is not None
    assert (segment.begin, segment.end) == (BEGIN, BEGIN + timedelta(seconds=2))
    folder.stream.refresh_from_db()
    assert folder.stream.longest_segment == timedelta(seconds=2)
    assert folder.stream.has_sound


def test_indexes_one_file_at_the_instant_it_is_told(folder, root, put):
    folder.is_own = True
    folder.save()
    put(root / "000001.mp4")
    told = BEGIN + timedelta(hours=1)
    segment = index_file(folder, "000001.mp4", begin=told)
    assert segment is not None
    assert segment.begin == told
    put(root / "000001.mp4", "long.mp4")
    again = index_file(folder, "000001.mp4", begin=told)
    assert again is not None
    assert (again.pk, again.end) == (segment.pk, told + timedelta(seconds=5))
    assert scan(folder).unchanged == 1


@pytest.mark.parametrize("content", [b"", b"no film", None])
def test_indexes_nothing_of_a_useless_file(folder, root, content):
    if content is not None:
        (root / name_of(BEGIN)).write_bytes(content)
    assert index_file(folder, name_of(BEGIN)) is None
    assert Segment.objects.count() == 0


@pytest.mark.parametrize("path", ["../x.mp4", "/etc/passwd", ""])
def test_does_not_index_outside_its_folder(folder, path):
    with pytest.raises(OutsideFolder):
        index_file(folder, path, begin=BEGIN)
