"""What cuts without hidden pictures keep of their source, and their parameter sets."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction

import av
import pytest

from cameras.demo.numbers import read_number
from tests.media.smart_cuts import RATE, check, cut_at, decoded_strictly, in_band, record
from vms.media.smart.configuration import (
    free_id,
    read_avc,
    read_configuration,
)
from vms.media.smart.source import Unencodable
from vms.media.smart.units import (
    exp_golomb,
    h264_kind,
    pps_id,
    split_sample,
    split_stream,
    sps_id,
)

pytestmark = pytest.mark.ffmpeg


COLOURS = "colorprim=bt709:transfer=bt709:colormatrix=bt709"


@pytest.mark.parametrize(
    ("codec", "params", "form"),
    [
        ("h264", COLOURS, "yuv420p"),
        ("h264", COLOURS, "yuvj420p"),
        ("hevc", COLOURS, "yuv420p"),
        ("hevc", "range=limited", "yuv420p10le"),
    ],
)
def test_keeps_colours_and_aspect(tmp_path, codec, params, form):
    segment = record(tmp_path / "a.mp4", codec, params, form=form, aspect=Fraction(4, 3))
    cut = cut_at(segment, 15)
    cut.write(tmp_path / "cut.mp4")

    seen = {}
    for path in (segment, tmp_path / "cut.mp4"):
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            frame = next(container.decode(video=0))
            seen[path] = (
                (frame.width, frame.height, frame.format.name),
                (frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace),
                context.sample_aspect_ratio,
            )
    assert seen[segment] == seen[tmp_path / "cut.mp4"]
    check(cut, tmp_path / "cut.mp4")


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
@pytest.mark.parametrize("level", ["3.1", "4.0"])
def test_keeps_profile_and_level_of_h264(tmp_path, profile, level):
    segment = record(tmp_path / "a.mp4", params=f"level={level}", profile=profile)
    cut = cut_at(segment, 15)

    theirs, ours = read_avc(read_configuration(cut.made.entry).record).sps
    assert (ours[1], ours[3]) == (theirs[1], theirs[3])
    check(cut, tmp_path / "cut.mp4")


def test_says_the_rate_of_the_source(tmp_path):
    cut = cut_at(record(tmp_path / "a.mp4"), 15)

    _, ours = read_avc(read_configuration(cut.made.entry).record).sps
    stream = tmp_path / "ours.h264"
    _, pps = read_avc(read_configuration(cut.made.entry).record).pps
    units = [ours, pps, *(u for sample in cut.made.samples for u in split_sample(sample, 4))]
    stream.write_bytes(b"".join(b"\0\0\0\1" + unit for unit in units))
    with av.open(str(stream), format="h264") as container:
        assert container.streams.video[0].codec_context.framerate == RATE


def test_gives_the_same_bytes_each_time(tmp_path):
    segment = record(tmp_path / "a.mp4")

    first, second = cut_at(segment, 12).made, cut_at(segment, 12).made

    assert first.samples == second.samples
    assert first.entry == second.entry


# ---- parameter sets -----------------------------------------------------------------------------


def ids(entry):
    sets = read_avc(read_configuration(entry).record)
    return [sps_id(unit) for unit in sets.sps], [pps_id(unit) for unit in sets.pps]


@pytest.mark.parametrize(("theirs", "both"), [(0, [0, 1]), (1, [1, 2]), (2, [1, 2]), (31, [1, 31])])
def test_gives_h264_sets_an_id_of_their_own(tmp_path, theirs, both):
    segment = record(tmp_path / "a.mp4", params=f"bframes=2:sps-id={theirs}")

    cut = cut_at(segment, 15)

    assert ids(cut.made.entry) == (both, both)
    assert not cut.made.separate_entry
    check(cut, tmp_path / "cut.mp4")


def test_has_nothing_but_pictures_in_its_samples(tmp_path):
    cut = cut_at(record(tmp_path / "a.mp4"), 15)

    kinds = [[h264_kind(unit) for unit in split_sample(one, 4)] for one in cut.made.samples]
    assert kinds == [[5], [1], [1], [1], [1]]


def test_gives_h265_an_entry_of_its_own(tmp_path):
    cut = cut_at(record(tmp_path / "a.mp4", "hevc"), 15)

    assert cut.made.separate_entry
    assert cut.made.entry[4:8] == cut.source.entry[4:8]
    assert cut.made.entry != cut.source.entry
    assert read_configuration(cut.made.entry).length_size == 4


@pytest.mark.parametrize("params", ["bframes=2", "bframes=3:b-pyramid=0:open-gop=1"])
def test_plays_where_only_the_first_entry_of_h265_is_known(tmp_path, params):
    """Chromium puts the sets of the first entry before each keyframe and ignores the others."""
    cut = cut_at(record(tmp_path / "a.mp4", "hevc", params), 15)

    first = hevc_sets(read_configuration(cut.entries()[0]).record)
    units = []
    for sample, _, _, sync, _ in cut.samples():
        units += (first if sync else []) + split_sample(sample, 4)
    path = tmp_path / "stream.hevc"
    path.write_bytes(b"".join(b"\0\0\0\1" + unit for unit in units))
    shown = [read_number(one.to_ndarray(format="gray")) for one in decoded_strictly(path)]
    assert shown == cut.wanted


def hevc_sets(record):
    """Read the units of `hvcC` (ISO/IEC 14496-15 section 8.3.3)."""
    found, at = [], 23
    for _ in range(record[22]):
        (count,) = struct.unpack_from(">H", record, at + 1)
        at += 3
        for _ in range(count):
            (length,) = struct.unpack_from(">H", record, at)
            found.append(record[at + 2 : at + 2 + length])
            at += 2 + length
    return found


@pytest.mark.parametrize("length_size", [2, 4])
def test_keeps_parameter_sets_in_the_stream(tmp_path, length_size):
    segment = in_band(tmp_path / "avc3.mp4", record(tmp_path / "a.mp4"), length_size)

    cut = cut_at(segment, 15)

    assert cut.made.entry[4:8] == b"avc3"
    assert ids(cut.made.entry) == ([1], [1])
    check(cut, tmp_path / "cut.mp4")


def test_looks_for_ids_in_the_stream(tmp_path):
    plain = record(tmp_path / "a.mp4", params="sps-id=1")

    cut = cut_at(in_band(tmp_path / "avc3.mp4", plain), 15)

    assert ids(cut.made.entry) == ([2], [2])
    check(cut, tmp_path / "cut.mp4")


def test_finds_no_id_when_all_are_taken():
    record = replace(AVC, pps=tuple(bytes((0x68, *golomb(number))) for number in range(32)))

    assert sorted(pps_id(unit) for unit in record.pps) == list(range(32))
    with pytest.raises(Unencodable, match="every parameter set"):
        free_id(record, [])


AVC = read_avc(bytes((1, 66, 0xC0, 30, 0xFF, 0xE1, 0, 5, 0x67, 66, 0xC0, 30, 0x80, 0)))


def golomb(number):
    """Write `ue(v)` into two bytes, with a stop bit."""
    bits = f"{number + 1:b}"
    text = ("0" * (len(bits) - 1) + bits + "1").ljust(16, "0")
    return int(text[:8], 2), int(text[8:], 2)


@pytest.mark.parametrize("number", [0, 1, 2, 30, 31])
def test_reads_numbers_of_any_length(number):
    assert exp_golomb(bytes(golomb(number))) == number


def test_splits_streams_at_short_and_long_start_codes():
    assert split_stream(b"\0\0\0\1ab\0\0\1c\0\0\0\1d\0") == [b"ab", b"c", b"d"]
