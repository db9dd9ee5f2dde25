from __future__ import annotations

import random

import numpy as np
import pytest

from tests.footage import Footage
from vms.media.mp4.index import read_index
from vms.media.segment import media_of
from vms.media.sidecar import BadSidecar, encode, read_sidecar, write_sidecar

pytestmark = pytest.mark.ffmpeg

FOOTAGE = {
    "fragmented": Footage(seconds=8),
    "plain B-frames": Footage(seconds=8, bframes=2, container="mp4"),
    "silent": Footage(seconds=8, audio=None),
}


@pytest.fixture
def segment(tmp_path):
    return FOOTAGE["plain B-frames"].make(tmp_path / "archive")[0]


def state_of(path):
    state = path.stat()
    return state.st_size, state.st_mtime_ns


@pytest.mark.parametrize("footage", FOOTAGE.values(), ids=FOOTAGE.keys())
def test_gives_back_what_was_read_from_the_segment(footage, tmp_path):
    path = footage.make(tmp_path / "archive")[0]
    index = read_index(path)
    write_sidecar(tmp_path / "deep" / "er" / "one.idx", index)

    kept = read_sidecar(tmp_path / "deep" / "er" / "one.idx", *state_of(path))

    assert kept.tracks.keys() == index.tracks.keys()
    assert (kept.size, kept.mtime_ns, kept.truncated) == (index.size, index.mtime_ns, False)
    assert np.array_equal(kept.spans.begin, index.spans.begin)
    assert np.array_equal(kept.spans.length, index.spans.length)
    for kind, track in index.tracks.items():
        again = kept.tracks[kind]
        assert (again.timescale, again.entries) == (track.timescale, track.entries)
        assert (again.origin, again.length) == (track.origin, track.length)
        assert again.summary == track.summary
        for name, column in vars(track.table.samples()).items():
            assert np.array_equal(getattr(again.table.samples(), name), column), name
    ours, theirs = media_of(kept), media_of(index)
    assert (ours.config, ours.duration) == (theirs.config, theirs.duration)


def test_is_small(segment):
    assert len(encode(read_index(segment))) < segment.stat().st_size // 4


def test_is_of_no_use_for_another_state_of_the_segment(segment, tmp_path):
    sidecar = tmp_path / "one.idx"
    write_sidecar(sidecar, read_index(segment))
    size, mtime_ns = state_of(segment)

    for state in ((size + 1, mtime_ns), (size, mtime_ns + 1)):
        with pytest.raises(BadSidecar):
            read_sidecar(sidecar, *state)


def test_is_of_no_use_when_it_is_missing_or_damaged(segment, tmp_path):
    sidecar = tmp_path / "one.idx"
    state = state_of(segment)
    with pytest.raises(BadSidecar):
        read_sidecar(sidecar, *state)
    whole = encode(read_index(segment))
    chance = random.Random(7)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        sidecar.write_bytes(damaged[: chance.choice((len(whole), chance.randrange(len(whole))))])
        with pytest.raises(BadSidecar):
            read_sidecar(sidecar, *state)


def test_leaves_nothing_behind_when_it_cannot_be_written(segment, tmp_path):
    index = read_index(segment)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_sidecar(tmp_path / "file" / "one.idx", index)
    (tmp_path / "one.idx").mkdir()
    (tmp_path / "one.idx" / "inside").touch()
    with pytest.raises(OSError, match=r"one\.idx"):
        write_sidecar(tmp_path / "one.idx", index)

    assert not list(tmp_path.glob(".one.idx*"))
