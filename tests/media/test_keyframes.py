"""What the first samples of a segment tell that its tables do not."""

from __future__ import annotations

import pytest

from tests.exports.matrix.archive import Archive
from tests.exports.matrix.reel import Camera, reel
from vms.media.keyframes import Leading, leading_pictures
from vms.media.mp4.index import read_index
from vms.media.segment import read_segment
from vms.media.sidecar import read_sidecar, write_sidecar

pytestmark = pytest.mark.ffmpeg

SECONDS = 12


def recorded(camera, folder, first, stop, container="mp4"):
    archive = Archive(folder)
    return archive.locate(archive.record(reel(camera, SECONDS), first, stop, container))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_finds_no_keyframe_in_a_file_that_lists_none_and_has_none(codec, tmp_path):
    path = recorded(Camera(codec=codec, audio=None), tmp_path, 5, 15)

    assert read_index(path).tracks["video"].table.sync is None  # the same as: all of them
    assert read_segment(path).video.summary.first_key == -1
    assert not read_segment(path).video.key.any()


@pytest.mark.parametrize("container", ["mp4", "fmp4"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_finds_nothing_but_keyframes_in_a_file_of_them(codec, container, tmp_path):
    path = recorded(Camera(codec=codec, gop=1, audio=None), tmp_path, 5, 15, container)

    assert read_segment(path).video.key.all()


def test_keeps_in_the_sidecar_that_there_is_none(tmp_path):
    path = recorded(Camera(), tmp_path, 5, 15)
    index = read_segment(path).index
    write_sidecar(tmp_path / "sidecar", index)
    kept = read_sidecar(tmp_path / "sidecar", index.size, index.mtime_ns)

    assert kept.tracks["video"].summary.first_key == -1
    assert not kept.tracks["video"].table.sync_flags.any()


OPEN = {"gop": 15, "bframes": 2, "open_gop": True}
KINDS = {
    "no B-frames": (Camera(), Leading.CLOSED),
    "closed": (Camera(gop=15, bframes=2), Leading.CLOSED),
    "open": (Camera(**OPEN, pyramid=False), Leading.LOOSE),
    "open, with a pyramid": (Camera(**OPEN), Leading.TIED),
    "open, H.265": (Camera(codec="hevc", **OPEN), Leading.LOOSE),
}


@pytest.mark.parametrize("container", ["mp4", "fmp4"])
@pytest.mark.parametrize("name", KINDS)
def test_tells_what_pictures_before_a_keyframe_need(name, container, tmp_path):
    camera, kind = KINDS[name]
    keys = [at for at, piece in enumerate(reel(camera, SECONDS).video) if piece.key]
    path = recorded(camera, tmp_path, keys[1], keys[2], container)

    assert leading_pictures(path, read_segment(path)) is kind


def test_finds_the_first_keyframe_of_a_segment_that_begins_without_one(tmp_path):
    camera = Camera(**OPEN)
    keys = [at for at, piece in enumerate(reel(camera, SECONDS).video) if piece.key]
    path = recorded(camera, tmp_path, keys[1] - 3, keys[2])

    assert leading_pictures(path, read_segment(path)) is Leading.TIED
