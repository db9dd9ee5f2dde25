from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines.splice import SpliceEngine, splice
from exports.plan import make_plan
from tests.footage import BEGIN, Footage, begin_of
from vms.media.mp4.movie import Movie, MovieTrack, build_header
from vms.media.segment import read_segment

pytestmark = pytest.mark.ffmpeg


@pytest.fixture
def paths(tmp_path):
    return dict(enumerate(Footage().make(tmp_path / "archive")))


@pytest.fixture
def plan(paths):
    segments = [
        SegmentMedia(index, begin_of(path), read_segment(path)) for index, path in paths.items()
    ]
    asked = Interval(BEGIN + timedelta(seconds=3.3), BEGIN + timedelta(seconds=14.7))
    return make_plan(asked, segments)


def parts(spliced, paths):
    yield spliced.header
    for part in spliced.ranges:
        yield paths[part.segment].read_bytes()[part.offset : part.offset + part.length]


def test_describes_the_file_it_writes(plan, paths, tmp_path):
    target = tmp_path / "export.mp4"
    hasher = SpliceEngine().render(plan, paths.__getitem__, target, lambda _part: None)
    sha256 = hasher.finish(lambda: None)

    content = target.read_bytes()
    spliced = splice(plan)
    assert content == b"".join(parts(spliced, paths))
    assert len(content) == spliced.size
    assert sha256 == hashlib.sha256(content).hexdigest()


def test_writes_no_more_than_header_and_media(plan):
    spliced = splice(plan)

    assert sum(part.length for part in spliced.ranges) == plan.payload
    assert len(spliced.header) < 20_000


def test_moves_to_64_bit_offsets_for_large_files(plan):
    track = plan.slices[0].segment.media.index.tracks["video"]
    table = replace(track.table, chunk_at=track.table.chunk_at + 5 * 2**32)
    movie = Movie(
        tracks=[MovieTrack("video", track.timescale, track.entries, table, 1)],
        scale=track.timescale,
        length=1,
        media_size=6 * 2**32,
        created_at=plan.begin,
    )

    header = build_header(movie)
    assert b"co64" in header
    assert b"stco" not in header
    assert header[-16:-8] == b"\0\0\0\1mdat"
