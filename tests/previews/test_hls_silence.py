"""A playlist has sound all along, or none: silence where a camera had no microphone for a while."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from previews.hls_silence import FRAMES
from previews.recipes import read_recipe, virtual_file
from previews.rendering_cuts import plan_cut
from previews.signing import micros
from tests.footage import BEGIN, decode_beeps, decode_numbers
from tests.previews.archive import partly_heard
from tests.previews.test_preview_pictures import told

pytestmark = pytest.mark.ffmpeg


@pytest.fixture
def played(tmp_path):
    """Make the file of fragments that a playlist of all of some footage names."""

    def played(footage):
        paths = [path for one in footage for path in one.make(tmp_path / "archive")]
        bounds = micros(BEGIN), micros(footage[-1].end)
        plan_cut(told(sorted(paths)), *bounds, "hls", str(tmp_path / "a.cut"))
        recipe, target = read_recipe(tmp_path / "a.cut"), tmp_path / "played.mp4"
        file = virtual_file(recipe, recipe.paths)
        target.write_bytes(b"".join(file.read(0, file.length)))
        return target

    return played


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("channels", FRAMES)
def test_its_packets_are_silent(rate, channels):
    encoder = av.CodecContext.create("aac", "w")
    encoder.rate, encoder.time_base, encoder.format = rate, Fraction(1, rate), "fltp"
    encoder.layout = {1: "mono", 2: "stereo"}[channels]
    encoder.flags |= av.codec.context.Flags.global_header
    encoder.open()
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = encoder.extradata

    packets = [*[av.Packet(FRAMES[channels]) for _ in range(3)], None]
    frames = [frame for packet in packets for frame in decoder.decode(packet)]

    assert [(frame.samples, frame.layout.nb_channels) for frame in frames] == [(1024, channels)] * 3
    assert all((frame.to_ndarray() == 0).all() for frame in frames)


def test_there_is_sound_of_every_moment(played):
    target = played(partly_heard())

    pictures = decode_numbers(target)
    assert len(pictures) == 120
    assert decode_beeps(target) == pytest.approx([*range(4), *range(8, 12)], abs=0.1)
    with av.open(str(target)) as file:
        stream = file.streams.audio[0]
        times = [float(p.pts * p.time_base) for p in file.demux(stream) if p.size]
        length = 1024 / stream.rate
    assert times[0] < 0.1
    assert 12 - times[-1] < 3 * length
    assert np.diff(times) == pytest.approx(length, abs=2 * length)


def test_pictures_come_before_sound_that_has_no_silence(played):
    target = played(partly_heard("ac3"))

    assert len(decode_numbers(target)) == 120
    with av.open(str(target)) as file:
        assert [stream.type for stream in file.streams] == ["video"]
