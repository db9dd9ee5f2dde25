from __future__ import annotations

import os
import random
import shutil

import numpy as np
import pytest

from tests.footage import Footage
from vms.media.mp4.atoms import Malformed
from vms.media.mp4.index import read_index
from vms.media.probe import UnreadableMedia, read_media
from vms.media.segment import read_segment

pytestmark = pytest.mark.ffmpeg

FOOTAGE = {
    "fragmented": Footage(seconds=8),
    "plain": Footage(seconds=8, container="mp4"),
    "B-frames": Footage(seconds=8, bframes=2),
    "plain B-frames": Footage(seconds=8, bframes=2, container="mp4"),
    "h265": Footage(seconds=8, codec="hevc"),
    "silent": Footage(seconds=8, audio=None),
}


@pytest.mark.parametrize("footage", FOOTAGE.values(), ids=FOOTAGE.keys())
def test_reads_what_a_demuxer_reads(footage, tmp_path):
    """The boxes say the same as ffmpeg's libraries, track by track and packet by packet."""
    for path in footage.make(tmp_path):
        ours, theirs = read_segment(path), read_media(path)

        assert ours.index is not None
        assert (ours.width, ours.height, ours.truncated) == (160, 90, False)
        for mine, other in ((ours.video, theirs.video), (ours.audio, theirs.audio)):
            if mine is None or other is None:
                assert mine is other
                continue
            assert mine.codec == other.codec
            assert np.array_equal(
                mine.pts * float(mine.time_base), other.pts * float(other.time_base)
            )
            assert np.array_equal(mine.size, other.size)
            assert np.array_equal(mine.key, other.key)
        assert np.array_equal(ours.video.hidden, theirs.video.hidden)


@pytest.mark.parametrize("name", ["fragmented", "plain B-frames", "h265"])
def test_finds_every_sample_where_it_is(name, tmp_path):
    """The bytes at a sample's place are units of exactly its size (ISO/IEC 14496-15)."""
    path = FOOTAGE[name].make(tmp_path)[0]
    content = path.read_bytes()
    samples = read_index(path).tracks["video"].table.samples()

    for begin, size in zip(samples.at, samples.size, strict=True):
        at, end = int(begin), int(begin) + int(size)
        while at < end:
            at += 4 + int.from_bytes(content[at : at + 4], "big")
        assert at == end


def test_gives_segments_of_one_camera_one_configuration(tmp_path):
    for footage in FOOTAGE.values():
        paths = footage.make(tmp_path / footage.container / footage.codec / str(footage.bframes))
        assert len({read_segment(path).config for path in paths}) == 1


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_reads_what_is_whole_of_a_file_cut_short(tmp_path, share):
    path = FOOTAGE["fragmented"].make(tmp_path)[0]
    whole = read_segment(path)
    os.truncate(path, int(path.stat().st_size * share))

    try:
        media = read_segment(path)
    except UnreadableMedia:
        assert share < 0.5
        return
    assert media.truncated
    count = len(media.video.pts)
    assert 0 < count <= len(whole.video.pts)
    assert np.array_equal(media.video.pts, whole.video.pts[:count])


def test_reads_a_file_that_grows_while_it_is_read(tmp_path):
    path = FOOTAGE["fragmented"].make(tmp_path)[0]
    content = path.read_bytes()
    growing = tmp_path / "growing.mp4"
    counts = []
    for end in range(len(content) // 4, len(content) + 1, len(content) // 40):
        growing.write_bytes(content[:end])
        try:
            counts.append(len(read_segment(growing).video.pts))
        except UnreadableMedia:
            counts.append(0)

    assert counts == sorted(counts)


def test_reads_other_containers_packet_by_packet(tmp_path):
    media = read_segment(Footage(seconds=8, container="mpegts").make(tmp_path)[0])

    assert media.index is None
    assert len(media.video.pts) == 40


@pytest.mark.parametrize("name", ["fragmented", "plain B-frames"])
def test_never_breaks_on_mutated_files(name, tmp_path):
    """Whatever bytes change, reading ends in samples within the file or in its own error."""
    original = FOOTAGE[name].make(tmp_path)[0].read_bytes()
    chance = random.Random(20260314)
    # The boxes that say where things are; media bytes mean nothing to the reader.
    heads = [
        at
        for kind in (
            b"moov",
            b"moof",
            b"stsz",
            b"stsc",
            b"stco",
            b"stts",
            b"trun",
            b"tfhd",
            b"tfdt",
            b"elst",
        )
        if (at := original.find(kind)) >= 0
    ]
    mutated = tmp_path / "mutated.mp4"
    for _ in range(400):
        content = bytearray(original)
        for _ in range(chance.randint(1, 8)):
            at = chance.choice(heads) + chance.randint(-8, 120)
            content[at % len(content)] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
            )
        mutated.write_bytes(
            content[: chance.choice((len(content), chance.randrange(len(content))))]
        )
        try:
            index = read_index(mutated)
        except Malformed:
            continue
        for track in index.tracks.values():
            if not len(track.table):
                continue
            assert (track.table.at + track.table.size <= index.size).all()


def test_refuses_an_encrypted_recording(tmp_path):
    path = FOOTAGE["plain"].make(tmp_path)[0]
    shutil.copy(path, tmp_path / "encrypted.mp4")
    content = path.read_bytes().replace(b"avc1", b"encv")
    (tmp_path / "encrypted.mp4").write_bytes(content)

    with pytest.raises(UnreadableMedia, match="encrypted"):
        read_segment(tmp_path / "encrypted.mp4")
