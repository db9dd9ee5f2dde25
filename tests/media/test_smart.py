"""Cuts without hidden pictures: every result is put into a file and decoded, strictly."""

from __future__ import annotations

import os
import struct
import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np
import pytest

from cameras.demo.numbers import read_number
from cameras.demo.picture import Picture
from tests.footage import Footage
from vms.media.ffmpeg import find_ffmpeg
from vms.media.mp4.index import read_index
from vms.media.smart import reencode as limits
from vms.media.smart.configuration import (
    free_id,
    read_avc,
    read_configuration,
    with_record,
    write_avc,
)
from vms.media.smart.reencode import reencode
from vms.media.smart.source import Source, Unencodable
from vms.media.smart.units import (
    HEVC_END_OF_SEQUENCE,
    exp_golomb,
    h264_kind,
    join_sample,
    pps_id,
    split_sample,
    split_stream,
    sps_id,
)

pytestmark = pytest.mark.ffmpeg

GOP = 10
WIDTH, HEIGHT, RATE = 160, 90, 10
ENCODERS = {"h264": ("libx264", "x264-params"), "hevc": ("libx265", "x265-params")}
STEADY = {
    "h264": f"keyint={GOP}:min-keyint={GOP}:scenecut=0:b-adapt=0",
    "hevc": f"log-level=none:keyint={GOP}:min-keyint={GOP}:scenecut=0:b-adapt=0",
}


# ---- footage ------------------------------------------------------------------------------------


def record(
    path, codec="h264", params="bframes=0", *, count=40, form="yuv420p", aspect=None, **options
):
    """Record *count* pictures, numbered from zero, with an encoder's own *params*."""
    encoder, name = ENCODERS[codec]
    picture = Picture(WIDTH, HEIGHT, RATE)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, form
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.options = {
            "preset": "ultrafast",
            name: f"{STEADY[codec]}:{params}",
            **options,
        }
        for number in range(count):
            planes = np.frombuffer(picture.frame(number), np.uint8).reshape(-1, WIDTH)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p").reformat(format=form)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def source_of(path, first=0):
    """Read a segment from sample *first* on."""
    return Source.of(path, read_index(path).tracks["video"], first)


def keyframe_before(path, at):
    """Number the last keyframe shown at or before tick *at*."""
    whole = source_of(path)
    return int(np.flatnonzero(whole.sync & (whole.shown <= at))[-1])


# ---- cuts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cut:
    """A cut, the numbers it should show, and what it was made from."""

    source: Source
    made: limits.Reencoded
    end: int
    wanted: list[int]

    @property
    def copied(self):
        """The samples of the source that are copied; those past the end are cut by time."""
        rest = np.arange(self.made.first_copied, len(self.source))
        return np.setdiff1d(rest[self.source.shown[rest] < self.end], self.made.skipped)

    def samples(self):
        """All samples of the file in decode order: (bytes, decoded, shown, sync, entry)."""
        content = self.source.path.read_bytes()
        made, source = self.made, self.source
        rows = list(zip(made.samples, made.decoded, made.pts, made.sync, strict=True))
        own = [(*row, len(self.entries()) - 1) for row in rows]
        return own + [
            (
                content[source.at[one] : source.at[one] + source.size[one]],
                source.decoded[one],
                source.shown[one],
                source.sync[one],
                0,
            )
            for one in self.copied.tolist()
        ]

    def entries(self):
        """The source's entry is first: some players prefix keyframes with the sets it holds."""
        if self.made.separate_entry:
            return [self.source.entry, self.made.entry]
        return [self.made.entry]

    def write(self, path):
        return write_movie(path, self.entries(), self.source.timescale, self.samples())


def cut_at(path, frame, until=None, **options):
    """Cut at the *frame*th picture shown, up to the end of the segment or picture *until*."""
    whole = source_of(path)
    times = np.sort(whole.shown)
    end = int(times[-1]) + 1 if until is None else int(times[until])
    begin = int(times[frame])
    source = source_of(path, keyframe_before(path, begin))
    made = reencode(source, begin, end, **options)
    return Cut(source, made, end, shown_numbers(path)[frame:until])


def shown_numbers(path):
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        return [read_number(one.to_ndarray(format="gray")) for one in container.decode(video=0)]


def decoded_strictly(path):
    """Decode every picture there is; any complaint of the decoder is a failure."""
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture(local=False) as messages, av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
            context.thread_count = 1
            frames = list(container.decode(video=0))
    finally:
        av.logging.set_level(None)
    assert [text for level, _, text in messages if level <= av.logging.WARNING] == []
    assert not any(frame.is_corrupt for frame in frames)
    return frames


def check(cut, path):
    """Put the cut into a file: it holds the wanted pictures at their times and no others."""
    frames = decoded_strictly(cut.write(path))
    assert [read_number(one.to_ndarray(format="gray")) for one in frames] == cut.wanted
    shown = sorted(row[2] for row in cut.samples())
    assert [frame.pts - frames[0].pts for frame in frames] == [at - shown[0] for at in shown]
    decoded = [row[1] for row in cut.samples()]
    assert (np.diff(decoded) > 0).all()


def write_movie(path, entries, timescale, samples):
    """Write the smallest movie file of one video track, each sample a chunk, nothing hidden."""
    contents, decoded, shown, sync, entry = (list(column) for column in zip(*samples, strict=True))
    steps = [*np.diff(decoded).tolist(), timescale // RATE]
    offset = np.array(shown) - np.array(decoded)
    head = box(b"ftyp", b"isom", bytes(4), b"isom")
    places = np.cumsum([len(head) + 8, *map(len, contents[:-1])])
    sizes = list(map(len, contents))
    table = box(
        b"stbl",
        full(b"stsd", 0, numbers(len(entries)), *entries),
        full(b"stts", 0, numbers(len(steps)), *(numbers(1, step) for step in steps)),
        full(b"ctts", 1 << 24, numbers(len(offset)), *(numbers(1, one) for one in offset.tolist())),
        full(b"stss", 0, numbers(sum(sync)), numbers(*(np.flatnonzero(sync) + 1).tolist())),
        full(
            b"stsc",
            0,
            numbers(len(entry)),
            *(numbers(place, 1, one + 1) for place, one in enumerate(entry, start=1)),
        ),
        full(b"stsz", 0, numbers(0, len(sizes), *sizes)),
        full(b"stco", 0, numbers(len(places), *places.tolist())),
    )
    length = sum(steps)
    data = box(b"dinf", full(b"dref", 0, numbers(1), full(b"url ", 1)))
    media = box(
        b"mdia",
        full(b"mdhd", 0, numbers(0, 0, timescale, length, 0)),
        full(b"hdlr", 0, bytes(4), b"vide", bytes(13)),
        box(b"minf", full(b"vmhd", 1, bytes(8)), data, table),
    )
    track = box(b"trak", full(b"tkhd", 3, numbers(0, 0, 1, 0, length), bytes(60)), media)
    movie = box(b"moov", full(b"mvhd", 0, numbers(0, 0, timescale, length), bytes(80)), track)
    path.write_bytes(head + box(b"mdat", *contents) + movie)
    return path


def box(kind, *content):
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind, flags, *content):
    return box(kind, numbers(flags), *content)


def numbers(*values):
    return struct.pack(f">{len(values)}I", *(int(value) & 0xFFFFFFFF for value in values))


# ---- it works -----------------------------------------------------------------------------------


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


# ---- it looks and decodes like the rest ---------------------------------------------------------


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


def in_band(path, segment, length_size=4):
    """Move the parameter sets of *segment* from its sample entry into its keyframes."""
    source = source_of(segment)
    config = read_configuration(source.entry)
    sets = read_avc(config.record)
    bare = replace(sets, sps=(), pps=(), lengths=0xFC | length_size - 1)
    content = segment.read_bytes()
    samples = []
    for one in range(len(source)):
        sample = content[source.at[one] : source.at[one] + source.size[one]]
        own = [*sets.sps, *sets.pps] if source.sync[one] else []
        packed = join_sample([*own, *split_sample(sample, 4)], length_size)
        samples.append((packed, source.decoded[one], source.shown[one], source.sync[one], 0))
    entry = with_record(source.entry, b"avc3", b"avcC", write_avc(bare))
    return write_movie(path, [entry], source.timescale, samples)


def joined(path, *segments):
    """Join segments of equal codec settings into one file."""
    samples, base = [], 0
    for segment in segments:
        source, content = source_of(segment), segment.read_bytes()
        shift = base - int(source.decoded[0])
        for one in range(len(source)):
            sample = content[source.at[one] : source.at[one] + source.size[one]]
            times = (source.decoded[one] + shift, source.shown[one] + shift)
            samples.append((sample, *times, source.sync[one], 0))
        base = int(samples[-1][1]) + int(source.duration[-1])
    first = source_of(segments[0])
    return write_movie(path, [first.entry], first.timescale, samples)


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


# ---- it refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "form", "reason"),
    [
        ("bframes=0", "yuv422p", "profile"),
        ("bframes=0", "yuv444p", "profile"),
        ("bframes=0", "yuv420p10le", "profile"),
        ("bframes=0", "gray", "colour format"),
    ],
)
def test_refuses_unusual_pictures(tmp_path, params, form, reason):
    segment = record(tmp_path / "a.mp4", "h264", params, form=form)

    with pytest.raises(Unencodable, match=reason):
        cut_at(segment, 15)


def test_refuses_interlaced_pictures(tmp_path):
    segment = tmp_path / "a.mp4"
    # the encoder inside PyAV makes none
    command = [
        *(find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", f"testsrc=s=160x96:r={RATE}"),
        *("-t", "4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", str(GOP)),
        *("-flags", "+ildct+ilme", "-x264-params", "tff=1", segment),
    ]
    subprocess.run(command, check=True)

    with pytest.raises(Unencodable, match="interlaced"):
        cut_at(segment, 15)


def test_refuses_unusual_pictures_of_h265(tmp_path):
    segment = record(tmp_path / "a.mp4", "hevc", form="yuv422p")

    with pytest.raises(Unencodable, match="colour format"):
        cut_at(segment, 15)


def test_refuses_other_codecs(tmp_path):
    source = source_of(record(tmp_path / "a.mp4"))
    entry = source.entry[:4] + b"mp4v" + source.entry[8:]

    with pytest.raises(Unencodable, match=r"neither H\.264 nor H\.265"):
        reencode(replace(source, entry=entry), int(source.shown[5]), int(source.shown[-1]))


@pytest.mark.parametrize("length", [80, 90, 100, 110, 120])
def test_refuses_a_damaged_entry(tmp_path, length):
    source = source_of(record(tmp_path / "a.mp4"))

    with pytest.raises(Unencodable, match="parameters"):
        reencode(replace(source, entry=source.entry[:length]), int(source.shown[5]), 10**9)


@pytest.mark.parametrize("where", [10, 13, 16])
def test_refuses_damaged_pictures(tmp_path, where):
    segment = record(tmp_path / "a.mp4")
    source = source_of(segment)
    with segment.open("r+b") as file:
        file.seek(int(source.at[where]))
        file.write(b"\xff" * int(source.size[where]))

    with pytest.raises(Unencodable, match="damaged"):
        cut_at(segment, 15)


def test_refuses_a_segment_that_became_shorter(tmp_path):
    segment = record(tmp_path / "a.mp4")
    source = source_of(segment)
    os.truncate(segment, int(source.at[7]))

    with pytest.raises(Unencodable, match="shorter"):
        reencode(source, int(source.shown[5]), int(source.shown[-1]))


def test_refuses_a_begin_before_any_keyframe(tmp_path):
    source = source_of(record(tmp_path / "a.mp4"))

    with pytest.raises(Unencodable, match="keyframe"):
        reencode(source, int(source.shown[0]) - 1, int(source.shown[-1]))
    with pytest.raises(Unencodable, match="keyframe"):
        reencode(source_of(source.path, 3), int(source.shown[5]), int(source.shown[-1]))


@pytest.mark.parametrize(
    ("limit", "value"), [("MOST_PICTURES", 9), ("MOST_PIXELS", 70_000), ("MOST_BYTES", 1000)]
)
def test_refuses_what_takes_too_long_or_too_much(tmp_path, monkeypatch, limit, value):
    segment = record(tmp_path / "a.mp4")
    monkeypatch.setattr(limits, limit, value)

    with pytest.raises(Unencodable, match="too many"):
        cut_at(segment, 5)


def test_stops_when_the_clock_says_so(tmp_path):
    class Cancelled(Exception):
        pass

    ticks = []

    def tick():
        ticks.append(1)
        if len(ticks) == 7:
            raise Cancelled

    segment = record(tmp_path / "a.mp4")
    with pytest.raises(Cancelled):
        cut_at(segment, 12, tick=tick)
    assert len(ticks) == 7
