"""Cuts without hidden pictures: every result is put into a file and decoded, strictly."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest

from tests.footage import Footage
from tests.media.smart_cuts import (
    GOP,
    RATE,
    check,
    cut_at,
    decoded_strictly,
    joined,
    record,
    shown_numbers,
    source_of,
)
from vms.media.smart.reencode import reencode
from vms.media.smart.source import Unencodable
from vms.media.smart.units import HEVC_END_OF_SEQUENCE

pytestmark = pytest.mark.ffmpeg


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("frame", range(GOP, 2 * GOP))
def test_shows_the_very_pictures_from_every_frame_of_a_group(tmp_path, codec, bframes, frame):
    footage = Footage(seconds=4, gop=GOP, bframes=bframes, codec=codec, audio=None)
    (segment,) = footage.make(tmp_path)

    cut = cut_at(segment, frame)

    assert len(cut.made.samples) == (-frame) % GOP
    assert cut.made.skipped.size == 0
    check(cut, tmp_path / "cut.mp4")


@pytest.mark.parametrize("frame", range(GOP, 2 * GOP))
@pytest.mark.parametrize(
    "params", ["bframes=3:b-pyramid=0:open-gop=1", "bframes=4:b-pyramid=1:open-gop=1"]
)
def test_goes_on_behind_the_leading_pictures_of_an_open_group_of_h265(tmp_path, frame, params):
    segment = record(tmp_path / "open.mp4", "hevc", params)

    cut = cut_at(segment, frame)

    assert cut.made.skipped.size or not frame % GOP
    assert len(cut.made.samples) < 2 * GOP
    if cut.made.samples:
        assert cut.made.samples[-1].endswith(HEVC_END_OF_SEQUENCE)
    check(cut, tmp_path / "cut.mp4")


@pytest.mark.parametrize("params", ["bframes=3:b-pyramid=none", "bframes=4:b-pyramid=normal"])
@pytest.mark.parametrize("frame", range(GOP + 1, 2 * GOP))
def test_encodes_open_groups_of_h264_to_the_end_if_none_is_closed(tmp_path, frame, params):
    segment = record(tmp_path / "open.mp4", "h264", f"{params}:open-gop=1", count=30)
    assert not closed_groups(segment)

    cut = cut_at(segment, frame)

    assert len(cut.made.samples) == 30 - frame
    assert cut.made.first_copied == len(cut.source)
    check(cut, tmp_path / "cut.mp4")


def test_leaves_out_leading_pictures_of_the_keyframe_it_begins_with(tmp_path):
    segment = record(tmp_path / "open.mp4", "h264", "bframes=3:b-pyramid=none:open-gop=1")

    cut = cut_at(segment, GOP)

    assert (cut.made.samples, cut.made.first_copied) == ([], 0)
    assert cut.made.skipped.size
    path = cut.write(tmp_path / "cut.mp4")
    assert shown_numbers(path) == cut.wanted


def closed_groups(path):
    """Say whether any keyframe behind the first has no picture decoded later and shown before."""
    source = source_of(path)
    later = np.flatnonzero(source.sync)[1:].tolist()
    return any((source.shown[one:] >= source.shown[one]).all() for one in later)


@pytest.mark.parametrize("frame", range(GOP, 2 * GOP))
def test_encodes_the_decodable_leading_pictures_of_h265(tmp_path, frame):
    segment = record(tmp_path / "radl.mp4", "hevc", "bframes=3:b-pyramid=0:open-gop=0:radl=2")

    cut = cut_at(segment, frame)

    assert cut.made.skipped.size
    check(cut, tmp_path / "cut.mp4")


def test_passes_keyframes_that_are_no_idr_picture_until_one_is(tmp_path):
    segment = record(tmp_path / "open.mp4", "h264", "bframes=2:open-gop=1", count=20)
    closed = record(tmp_path / "closed.mp4", "h264", "bframes=2", count=20)
    both = joined(tmp_path / "both.mp4", segment, closed)

    cut = cut_at(both, 5)

    assert cut.made.first_copied == 20
    assert len(cut.made.samples) == 15
    check(cut, tmp_path / "cut.mp4")


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_ends_within_the_same_group(tmp_path, codec, bframes):
    segment = record(tmp_path / "a.mp4", codec, f"bframes={bframes}:open-gop=0")

    cut = cut_at(segment, 13, until=17)

    assert len(cut.made.samples) == 4
    assert cut.copied.size == 0
    check(cut, tmp_path / "cut.mp4")


def test_gives_a_cut_of_one_picture(tmp_path):
    cut = cut_at(record(tmp_path / "a.mp4"), 15, until=16)

    check(cut, tmp_path / "cut.mp4")
    assert cut.made.sync.tolist() == [True]
    assert cut.made.duration.tolist() == [cut.source.timescale // RATE]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_copies_from_a_keyframe_without_encoding(tmp_path, codec):
    cut = cut_at(record(tmp_path / "a.mp4", codec, "bframes=0"), 10)

    assert cut.made.samples == []
    assert cut.made.entry == cut.source.entry
    assert (cut.made.first_copied, cut.made.separate_entry) == (0, False)
    check(cut, tmp_path / "cut.mp4")


def test_keeps_the_times_of_a_jittered_camera(tmp_path):
    segment = record(tmp_path / "a.mp4")
    jitter = np.random.default_rng(1).integers(-400, 400, 40)
    source = source_of(segment)
    shown = source.shown + jitter
    source = replace(source, shown=shown, decoded=shown - 400)

    made = reencode(source, int(shown[3]), int(shown[-1]) + 1)

    assert made.pts.tolist() == shown[3:10].tolist()
    assert made.duration.tolist() == np.diff(shown[3:11]).tolist()
    assert made.decoded.tolist() == (shown[3:10] - 400).tolist()


def test_goes_on_in_the_segment_that_follows(tmp_path):
    segment = record(tmp_path / "open.mp4", "h264", "bframes=3:open-gop=1", count=20)
    source = source_of(segment)
    end = int(source.shown.max()) + 1

    made = reencode(source, int(source.shown[0]), end, follows=True)
    assert (made.samples, made.first_copied) == ([], 0)  # it begins with an IDR picture

    second = source_of(segment, int(np.flatnonzero(source.sync)[1]))
    with pytest.raises(Unencodable, match="segment before"):
        reencode(second, int(second.shown[0]), end, follows=True)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_looks_like_the_source(tmp_path, codec):
    segment = record(tmp_path / "a.mp4", codec)
    cut = cut_at(segment, 11)

    shown = decoded_strictly(cut.write(tmp_path / "cut.mp4"))[: len(cut.made.samples)]
    with av.open(str(segment)) as container:
        originals = list(container.decode(video=0))[11:20]
    for ours, theirs in zip(shown, originals, strict=True):
        difference = ours.to_ndarray().astype(float) - theirs.to_ndarray()
        assert 10 * np.log10(255**2 / np.square(difference).mean()) > 40
