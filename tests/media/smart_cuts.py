"""Footage for tests of cuts without hidden pictures, cut and put into files."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np

from cameras.demo.numbers import read_number
from cameras.demo.picture import Picture
from vms.media.mp4.index import read_index
from vms.media.smart import reencode as limits
from vms.media.smart.configuration import (
    read_avc,
    read_configuration,
    with_record,
    write_avc,
)
from vms.media.smart.reencode import reencode
from vms.media.smart.source import Source
from vms.media.smart.units import (
    join_sample,
    split_sample,
)

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
