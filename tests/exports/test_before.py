"""Exports whose first moment needs segments before the interval, from rows to the file."""

from __future__ import annotations

import os
from fractions import Fraction

import pytest
from django.utils import timezone

from cameras.archive.layout import PRESETS
from cameras.archive.scanner import scan_folder
from cameras.timeline import Interval
from exports import storage
from exports.options import Options
from exports.planning import plan_export
from exports.runner import run_export
from tests import factories
from tests.exports.matrix.archive import Archive, instant
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.watch import check_exact
from tests.footage import decode_beeps

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg]

SECONDS = 12
LENGTH = 30


class Recorded:
    """A stream whose archive holds what *camera* sent, in segments of three seconds."""

    def __init__(self, camera, folder, settings):
        self.archive = Archive(folder).record_all(reel(camera, SECONDS), LENGTH)
        self.stream = factories.stream(factories.camera())
        row = factories.folder(self.stream)
        for segment in self.archive.known.values():
            name = instant(segment.begin).strftime(PRESETS["vms"] + ".mp4")
            path = settings.ARCHIVE_DIR / str(self.stream.pk) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(segment.path.read_bytes())
            ended = instant(segment.end).timestamp()
            os.utime(path, (ended, ended))
        scan_folder(row, full=False, now=timezone.now())
        self.stream.refresh_from_db()

    def export(self, begin, end):
        job = factories.job(stream=self.stream, begin=instant(begin), seconds=float(end - begin))
        done = run_export(job.pk, lambda _job, _percent: None)
        assert done.state == done.State.READY, done.error_message
        return done, storage.path_of(done.file)

    def plan(self, begin, end):
        asked = Interval(instant(begin), instant(end))
        return plan_export(self.stream, asked, Options(), lambda *doing: doing[2]())[0]


@pytest.fixture
def recorded(request, tmp_path, settings):
    folder = tmp_path / "reel"
    folder.mkdir()
    return Recorded(request.param, folder, settings)


LONG = pytest.mark.parametrize("recorded", [Camera(gop=200)], indirect=True)
SHORT = pytest.mark.parametrize("recorded", [Camera(gop=10)], indirect=True)


@LONG
def test_shows_the_very_pictures_of_a_group_begun_segments_before(recorded):
    begin, end = Fraction("7.25"), Fraction("10.65")
    job, path = recorded.export(begin, end)

    check_exact(recorded.archive, path, begin, end)
    assert job.warnings == []
    assert job.coverage["gaps"] == []


@SHORT
def test_begins_with_sound_of_the_segment_before(recorded):
    begin, end = Fraction(6), Fraction("8.5")
    _, path = recorded.export(begin, end)

    check_exact(recorded.archive, path, begin, end)
    assert decode_beeps(path) == pytest.approx([0, 1, 2], abs=0.005)


@LONG
def test_asks_for_each_segment_before_once(recorded, django_assert_num_queries):
    with django_assert_num_queries(2 + 2):
        plan = recorded.plan(Fraction("7.25"), Fraction(8))

    assert [part.segment.begin for part in plan.slices] == [
        instant(Fraction(at)) for at in (0, 3, 6)
    ]


@SHORT
def test_asks_for_no_segment_before_when_none_is_needed(recorded, django_assert_num_queries):
    with django_assert_num_queries(2):
        plan = recorded.plan(Fraction("7.25"), Fraction(8))

    assert len(plan.slices) == 1


@LONG
def test_goes_without_when_the_one_before_is_of_no_use(recorded, settings):
    row = recorded.stream.segments.order_by("begin")[1]
    (settings.ARCHIVE_DIR / str(recorded.stream.pk) / row.path).write_bytes(b"no film")
    job = factories.job(stream=recorded.stream, begin=instant(Fraction("6.5")), seconds=2)
    done = run_export(job.pk, lambda _job, _percent: None)

    assert done.error_code == "no_footage"
