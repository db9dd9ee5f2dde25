"""Encode anew what a cut needs of its first group of pictures, so that nothing need be hidden.

Pure media work: from a segment's samples to samples, times and a sample entry. Who places them in
a file reads `Reencoded`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vms.media.smart.configuration import (
    Configuration,
    free_id,
    joined_entry,
    own_entry,
    read_avc,
    read_configuration,
)
from vms.media.smart.decoding import Decoder
from vms.media.smart.encoding import Choice, Encoder, h264_choice, hevc_choice
from vms.media.smart.handover import NOTHING, Handover, find_handover
from vms.media.smart.source import Bools, Ints, Reader, Source, Unencodable, reading
from vms.media.smart.units import (
    HEVC_END_OF_SEQUENCE,
    HEVC_SETS,
    PPS,
    SPS,
    h264_kind,
    hevc_kind,
    join_sample,
    split_sample,
)

# Beyond these an exact cut serves better: some 20 s of work, and what is held in memory.
MOST_PICTURES = 1000
MOST_PIXELS = 4_000_000_000
MOST_BYTES = 192 * 2**20
TOO_LARGE = "too many large pictures lie between its keyframes"
FASTEST, SLOWEST = Fraction(1000), Fraction(1, 10)


@dataclass(frozen=True)
class Reencoded:
    """The begin of a cut without hidden pictures, and where copying goes on.

    `samples` are in decode order, which is the order they are shown in, each ready for `mdat`.
    `pts`, `duration` and `decoded` are in the ticks of the source: the very times of its pictures;
    `decoded` rises, stays at or below `pts` where the source does, and ends before the decode
    time of the first copied sample. `sync` marks what a player may seek to: the first.

    `entry` is the sample entry of `samples`. Unless `separate_entry`, it takes the place of the
    source's entry for the whole track. A separate one belongs behind the source's: some players
    put the sets of the first entry before each keyframe, and ours are in our first sample too.

    Copying goes on with sample `first_copied` of the source, without those `skipped` (numbers of
    samples too). When `first_copied` is the number of samples, nothing more of this source is
    copied; footage that follows in another segment goes through `reencode` with `follows`.
    """

    samples: list[bytes]
    pts: Ints
    duration: Ints
    decoded: Ints
    sync: Bools
    entry: bytes
    separate_entry: bool
    first_copied: int
    skipped: Ints


def reencode(
    source: Source,
    begin: int,
    end: int,
    *,
    tick: Callable[[], None] = lambda: None,
    follows: bool = False,
    to_end: bool = False,
) -> Reencoded:
    """Encode the pictures shown in `[begin, end)` up to the keyframe where copying can begin.

    *begin* is when the first wanted picture is shown and *end* the end of the whole cut, in ticks
    of the source, whose first sample is the last keyframe shown at or before *begin*. *tick* is
    called for every picture decoded and may raise to cancel. *follows* says that pictures encoded
    anew from the segment before come right before *begin*. Copying alone may do: then there are no
    `samples` and `entry` is the source's. With *to_end* nothing is copied.

    Raises:
        Unencodable: codec, pixel format, interlacing, damage or sheer length forbid it; an exact
            cut is what remains.
        OSError: the segment cannot be opened or read.
    """
    config = read_configuration(source.entry)
    if not len(source) or not source.sync[0] or int(source.shown[0]) > begin:
        raise Unencodable("no keyframe comes before its begin")
    with reading(source) as reader:
        handover = Handover(len(source), NOTHING)
        if not to_end:
            handover = find_handover(reader, config, begin, end, follows=follows)
        wanted = pictures_before(source, handover, begin, end)
        if not len(wanted):
            return only_copied(source, handover)
        samples, entry = encode(reader, config, wanted, tick)
    if handover.ends_sequence:
        samples[-1] += join_sample([HEVC_END_OF_SEQUENCE], config.length_size)
    return placed(source, handover, wanted, samples, entry)


def pictures_before(source: Source, handover: Handover, begin: int, end: int) -> Ints:
    """List the samples to be encoded anew, in the order they are shown."""
    if handover.first < len(source):
        end = int(source.shown[handover.first])
    wanted = np.flatnonzero((source.shown >= begin) & (source.shown < end))
    return wanted[np.argsort(source.shown[wanted], kind="stable")]


def only_copied(source: Source, handover: Handover) -> Reencoded:
    none: Ints = np.empty(0, np.int64)
    return Reencoded(
        samples=[],
        pts=none,
        duration=none,
        decoded=none,
        sync=np.empty(0, np.bool_),
        entry=source.entry,
        separate_entry=False,
        first_copied=handover.first,
        skipped=handover.skipped,
    )


def placed(
    source: Source, handover: Handover, wanted: Ints, samples: list[bytes], entry: bytes
) -> Reencoded:
    """Give the encoded *samples* the times of the pictures they were made from."""
    pts = source.shown[wanted].astype(np.int64)
    # As far ahead of being shown as the keyframe that follows: so decode times rise into it.
    anchor = handover.first if handover.first < len(source) else 0
    ahead = int(source.shown[anchor]) - int(source.decoded[anchor])
    sync = np.zeros(len(wanted), np.bool_)
    sync[0] = True
    return Reencoded(
        samples=samples,
        pts=pts,
        duration=source.screen_times(wanted),
        decoded=pts - ahead,
        sync=sync,
        entry=entry,
        separate_entry=read_configuration(source.entry).codec == "hevc",
        first_copied=handover.first,
        skipped=handover.skipped,
    )


def encode(
    reader: Reader, config: Configuration, wanted: Ints, tick: Callable[[], None]
) -> tuple[list[bytes], bytes]:
    """Encode the samples *wanted*; returns theirs in the same order, and the sample entry."""
    if int(wanted.max()) >= MOST_PICTURES:
        raise Unencodable("too many pictures lie between its keyframes")
    encoder = Encoder(choose(reader, config, int(wanted.max())), picture_rate(reader.source))
    samples: list[bytes] = []
    size = 0
    for units in pass_through(Decoder(reader, config), encoder, wanted, tick):
        samples.append(join_sample(units, config.length_size))
        size += len(samples[-1])
        if size > MOST_BYTES:
            raise Unencodable(TOO_LARGE)
    if len(samples) != len(wanted):
        raise Unencodable("the encoder lost a picture")
    own = encoder.parameter_sets
    if config.codec == "h264":
        return samples, joined_entry(config, own)
    # In the stream too: there are players that know no other sample entry than the first.
    sets = [unit for unit in own if hevc_kind(unit) in HEVC_SETS]
    return [join_sample(sets, config.length_size) + samples[0], *samples[1:]], own_entry(
        config, own
    )


def pass_through(
    decoder: Decoder, encoder: Encoder, wanted: Ints, tick: Callable[[], None]
) -> Iterator[list[bytes]]:
    """Yield the units of each picture encoded; never holds more pictures than the codecs do."""
    for frame in decoder.pictures(wanted):
        tick()
        if frame is None:
            continue
        if frame.width * frame.height * len(wanted) > MOST_PIXELS:
            raise Unencodable(TOO_LARGE)
        yield from encoder.encode(frame, decoder.aspect)
    yield from encoder.finish()


def choose(reader: Reader, config: Configuration, last: int) -> Choice:
    """Choose how to encode; looks at the keyframes up to *last* for sets the entry lacks."""
    if config.codec == "hevc":
        return hevc_choice()
    record = read_avc(config.record)
    keyframes = np.flatnonzero(reader.source.sync[: last + 1]).tolist()
    in_band = [
        unit
        for index in keyframes
        for unit in split_sample(reader.read(index), config.length_size)
        if h264_kind(unit) in {SPS, PPS}
    ]
    return h264_choice(record, free_id(record, in_band))


def picture_rate(source: Source) -> Fraction:
    """Return the usual pictures a second: what the parameter sets say, not what is shown when."""
    steps = np.diff(np.sort(source.shown))
    step = int(np.median(steps)) if len(steps) else int(source.duration[0])
    rate = Fraction(source.timescale, max(step, 1))
    return min(max(rate, SLOWEST), FASTEST)
