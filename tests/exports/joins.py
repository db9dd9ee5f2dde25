"""Archives of figures and noise: segments whose sample tables no encoder would make so quickly.

What each sample holds and when it was recorded is known without the code that is tested.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from exports.cutting import SegmentMedia
from vms.media.mp4.index import FileIndex, TrackIndex
from vms.media.mp4.summary import summarise
from vms.media.mp4.table import Samples, pack, spans_of
from vms.media.segment import media_of
from vms.media.sidecar import decode, encode

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
NS = 1_000_000_000
CLOCKS = [1000, 11_988, 12_800, 15_360, 16_000, 90_000, 1_000_000]
RATES = [Fraction(5), Fraction(25, 2), Fraction(25), Fraction(30_000, 1001)]
# Sound as telephones have it: its packets hold any number of bytes, one a sample.
SOUND_CLOCK = 8000
MOST_SOUND = 3000


def box(kind, *content):
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def picture_entry(width=160, height=90, kind=b"avc1"):
    """Make a sample entry of H.264 (ISO/IEC 14496-12 section 12.1.3, 14496-15 section 5.3.3)."""
    sps, pps = bytes.fromhex("67f4000a919b2828280d880000030008000003"), bytes.fromhex("68ebe3c448")
    record = bytes((1, 100, 0, 10, 0xFF, 0xE1)) + struct.pack(">H", len(sps)) + sps
    record += b"\1" + struct.pack(">H", len(pps)) + pps
    fixed = bytearray(78)
    fixed[6:8], fixed[24:28] = b"\0\1", struct.pack(">HH", width, height)
    return box(kind, fixed, box(b"avcC", record))


def sound_entry(rate=SOUND_CLOCK):
    """Make a sample entry of mu-law sound (ISO/IEC 14496-12 section 12.2.3)."""
    fixed = bytearray(28)
    fixed[6:8], fixed[16:20] = b"\0\1", struct.pack(">HH", 1, 16)
    fixed[24:28] = struct.pack(">I", rate << 16)
    return box(b"ulaw", fixed)


@dataclass(frozen=True)
class Recording:
    """How a camera recorded one segment.

    `order` says how pictures are decoded: "shown" as they are shown, "early" as B-frames with
    composition offsets below zero, "late" as B-frames with offsets from zero on. Each `group`
    begins with a keyframe, but for those before group `first_key`; before the first one `leading`
    pictures are shown that are decoded after it. Decode times are `behind` pictures later than they
    might be. `jitter` is the share of a
    picture's time by which its instant may be off, `start` where its clock stands. The edit list
    begins with picture `hidden`, or at the zero of the clock when that is None. Sound begins
    `delay` seconds after the first picture and lasts `lag` seconds less than the pictures. `short`
    says that sound has a sample a byte. `gap` is the time in microseconds between the end of the
    segment before it and its begin.
    """

    pictures: int = 50
    clock: int = 90_000
    rate: Fraction = Fraction(25)
    group: int = 12
    first_key: int = 0
    leading: int = 0
    order: str = "shown"
    behind: int = 0
    jitter: float = 0.0
    start: int = 0
    hidden: int | None = 0
    widths: tuple[int, ...] = (160,)
    silent: bool = False
    delay: float = 0.0
    lag: float = 0.0
    short: bool = False
    gap: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Made:
    """A segment, and what is known of it: its bytes; of each sample the bytes and when.

    `samples` holds for each kind the time since the first picture shown, in nanoseconds, and the
    bytes of each sample in decode order.
    """

    segment: SegmentMedia
    content: bytes
    samples: dict[str, list[tuple[int, bytes]]]


def make(recordings, *, sidecars=False):
    """Make the segments of *recordings*, one after the other, by id."""
    made: dict[int, Made] = {}
    end = 0
    for number, recording in enumerate(recordings):
        begin = max(0, end + recording.gap)
        made[number] = make_segment(number, begin, recording, sidecar=sidecars)
        end = begin + int(made[number].segment.media.duration * 1_000_000)
    return made


def make_segment(number, begin, recording, *, sidecar=False):
    """Make the segment that begins *begin* microseconds after ZERO."""
    dice = random.Random(recording.seed)
    drafts = {"video": pictures_of(recording, dice)}
    video = drafts["video"]
    if not recording.silent and (sound := sound_of(recording, video, dice)) is not None:
        drafts["audio"] = sound
    content = lay_out(drafts, dice)
    index = index_of(drafts, len(content))
    index = decode(encode(index)) if sidecar else index
    segment = SegmentMedia(number, ZERO + timedelta(microseconds=begin), media_of(index))
    first = Fraction(first_shown(video), video.clock)
    samples = {
        kind: [
            (round((Fraction(int(shown), draft.clock) - first) * NS), content[at : at + size])
            for shown, at, size in zip(
                draft.shown, draft.at.tolist(), draft.size.tolist(), strict=True
            )
        ]
        for kind, draft in drafts.items()
    }
    return Made(segment, content, samples)


@dataclass
class Draft:
    """A track before its samples have a place. `shown` are ticks after the edit list's begin."""

    clock: int
    decoded: np.ndarray
    offset: np.ndarray
    size: np.ndarray
    sync: np.ndarray
    entries: tuple[bytes, ...]
    entry: np.ndarray
    origin: int
    last: int
    at: np.ndarray | None = None

    @property
    def shown(self):
        return self.decoded + self.offset - self.origin


def first_shown(draft):
    """Return when the first picture that is not hidden is shown: one is on screen at zero."""
    shown = np.sort(draft.shown)
    until = np.append(shown[1:], shown[-1] + 1)
    return int(shown[until > 0][0])


def pictures_of(recording, dice):
    count, step = recording.pictures, Fraction(recording.clock) / recording.rate
    instants = [int(step * n) for n in range(count)]
    if recording.jitter:
        reach = int(step * Fraction(recording.jitter))
        instants = [instant + dice.randint(0, reach) for instant in instants]
    decoded = np.array(instants, np.int64) + recording.start
    shown = decoded[decode_order(recording)] + (int(step) if recording.order == "late" else 0)
    decoded += recording.behind * int(step)
    sync = np.zeros(count, np.bool_)
    sync[recording.first_key * recording.group :: recording.group] = True
    return Draft(
        clock=recording.clock,
        decoded=decoded,
        offset=shown - decoded,
        size=np.array([dice.randint(1, 200) for _ in range(count)], np.int64),
        sync=sync,
        entries=tuple(picture_entry(width) for width in recording.widths),
        entry=np.arange(count, dtype=np.int64) * len(recording.widths) // count,
        origin=0
        if recording.hidden is None
        else int(np.sort(shown)[min(recording.hidden, count - 1)]),
        last=max(1, int(step)),
    )


def decode_order(recording):
    """Return which picture is decoded when: I P B P B in each group, but for the order shown."""
    numbers = list(range(recording.pictures))
    if recording.order == "shown":
        return numbers
    leading = min(recording.leading, recording.group - 1, recording.pictures - 1)
    numbers[: leading + 1] = [leading, *range(leading)]
    for begin in range(0, len(numbers), recording.group):
        first = begin + 1 if begin else leading + 1
        for index in range(first, min(begin + recording.group, len(numbers)) - 1, 2):
            numbers[index], numbers[index + 1] = numbers[index + 1], numbers[index]
    return numbers


def sound_of(recording, video, dice):
    """Make the sound beside *video*, None where there is no time for any."""
    shown = recording.pictures / recording.rate
    length = 1 if recording.short else 160
    count = int((float(shown) - recording.lag) * SOUND_CLOCK / length)
    count = min(count, MOST_SOUND)
    if count < 1:
        return None
    begin = first_shown(video) * SOUND_CLOCK // video.clock + int(recording.delay * SOUND_CLOCK)
    return Draft(
        clock=SOUND_CLOCK,
        decoded=max(0, begin) + length * np.arange(count, dtype=np.int64),
        offset=np.zeros(count, np.int64),
        size=np.full(count, length, np.int64),
        sync=np.ones(count, np.bool_),
        entries=(sound_entry(),),
        entry=np.zeros(count, np.int64),
        origin=0,
        last=length,
    )


def lay_out(drafts, dice):
    """Interleave the samples of all tracks by time, now and then with something between them."""
    order = sorted(
        (when / draft.clock, kind, number)
        for kind, draft in drafts.items()
        for number, when in enumerate(draft.decoded.tolist())
    )
    for draft in drafts.values():
        draft.at = np.zeros(len(draft.decoded), np.int64)
    end = dice.randint(10, 70_000)
    for _, kind, number in order:
        end += dice.choice([0] * 19 + [dice.randint(1, 50)])
        drafts[kind].at[number] = end
        end += int(drafts[kind].size[number])
    return dice.randbytes(end + dice.randint(0, 99))


def index_of(drafts, size):
    tables = {kind: table_of(draft) for kind, draft in drafts.items()}
    tracks = {
        kind: TrackIndex(
            kind,
            drafts[kind].clock,
            drafts[kind].entries,
            drafts[kind].origin,
            None,
            summarise(table, drafts[kind].origin, None),
            lambda table=table: table,
        )
        for kind, table in tables.items()
    }
    return FileIndex(tracks, spans_of(list(tables.values())), size, 1, truncated=False)


def table_of(draft):
    return pack(
        Samples(
            at=draft.at,
            size=draft.size,
            decoded=draft.decoded,
            offset=draft.offset,
            duration=np.append(np.diff(draft.decoded), draft.last),
            entry=draft.entry,
            sync=draft.sync,
        )
    )


gaps = st.one_of(
    st.just(0),
    st.integers(-1000, 1000),
    st.sampled_from([-300_000, -3000, 5000, 150_000, 2_000_000, 4_000_000_000]),
)


@st.composite
def recordings(draw):
    """Draw one to five segments of one camera."""
    mixed = draw(st.booleans())
    common = Recording(
        clock=draw(st.sampled_from(CLOCKS)),
        order=draw(st.sampled_from(["shown", "early", "late"])),
        jitter=draw(st.sampled_from([0.0, 0.4])),
    )
    parts = st.builds(
        dict,
        pictures=st.integers(1, 40),
        rate=st.sampled_from(RATES),
        group=st.sampled_from([1, 5, 12, 50]),
        first_key=st.sampled_from([0, 0, 0, 1]),
        leading=st.sampled_from([0, 0, 2]),
        behind=st.sampled_from([0, 0, 0, 2]),
        start=st.sampled_from([0, 0, 777, 10_000_000]),
        hidden=st.sampled_from([None, None, 0, 0, 1]),
        widths=st.sampled_from([(160,), (160,), (320,), (160, 320)]),
        silent=st.sampled_from([False, False, True]),
        delay=st.sampled_from([-0.3, 0.0, 0.03, 0.3]),
        lag=st.sampled_from([-0.035, 0.0, 0.03, 0.3]),
        short=st.sampled_from([False, False, False, True]),
        gap=gaps,
        seed=st.integers(0, 2**16),
    )
    chosen = [replace(common, **part) for part in draw(st.lists(parts, min_size=1, max_size=5))]
    if not mixed:
        return chosen
    return [replace(one, clock=draw(st.sampled_from(CLOCKS))) for one in chosen]
