"""The samples of one track: in run-length form, as mp4 files hold them, and one by one.

A segment of a minute has thousands of samples and a handful of runs, so what can be done with runs
is: whole segments are joined without looking at a single sample (ISO/IEC 14496-12 section 8.6.1,
8.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Ints = NDArray[np.int64]

# So many chunks are summed up at a time: those of a day would fill memory.
AT_ONCE = 100_000
NO_TICKS = np.empty(0, np.int32)


@dataclass(frozen=True)
class Samples:
    """The samples of one track in decode order; all arrays have one entry a sample.

    `at` is the offset in the file, `size` in bytes; `decoded` ticks from the clock's zero,
    `offset` what is added to it for the time shown, `duration` ticks; `entry` numbers the sample
    entry from zero; `sync` marks samples that need no other.
    """

    at: Ints
    size: Array
    decoded: Ints
    offset: Array
    duration: Array
    entry: Array
    sync: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.size)


@dataclass(frozen=True, slots=True)
class Table:
    """The samples of one track in decode order.

    `size` has one entry a sample, in bytes. `step_count` samples last `step_ticks` each; decoding
    begins at `decoded_from`. `shift_count` samples are shown `shift_ticks` after they are decoded;
    both are empty when all are shown as they are decoded. `sync` lists the samples that need no
    other, None when none does. Chunks are samples that lie behind one another in the file and
    share a sample entry: `chunk_at` is where they begin, `chunk_count` counts their samples,
    `chunk_entry` numbers the entry from zero. Arrays may be of any width of integer.
    """

    size: Array
    decoded_from: int
    step_count: Array
    step_ticks: Array
    shift_count: Array
    shift_ticks: Array
    sync: Array | None
    chunk_at: Array
    chunk_count: Array
    chunk_entry: Array

    def __len__(self) -> int:
        return len(self.size)

    @property
    def ticks(self) -> int:
        """The sum of all durations."""
        if len(self.step_ticks) == 1:
            return int(self.step_count[0]) * int(self.step_ticks[0])
        return int(np.dot(self.step_count.astype(np.int64), self.step_ticks.astype(np.int64)))

    @property
    def last_duration(self) -> int:
        """Ticks the last sample lasts."""
        return int(self.step_ticks[-1])

    @property
    def decoded(self) -> Ints:
        """Ticks at which each sample is decoded."""
        times = np.empty(len(self.size), np.int64)
        times[0] = self.decoded_from
        np.cumsum(self.duration[:-1], out=times[1:])
        times[1:] += self.decoded_from
        return times

    @property
    def duration(self) -> Ints:
        return np.repeat(self.step_ticks.astype(np.int64), self.step_count)

    @property
    def offset(self) -> Ints:
        if not len(self.shift_ticks):
            return np.zeros(len(self.size), np.int64)
        return np.repeat(self.shift_ticks.astype(np.int64), self.shift_count)

    @property
    def sync_flags(self) -> NDArray[np.bool_]:
        if self.sync is None:
            return np.ones(len(self.size), np.bool_)
        flags = np.zeros(len(self.size), np.bool_)
        flags[self.sync] = True
        return flags

    @property
    def chunk_size(self) -> Ints:
        """Bytes of each chunk."""
        first = np.zeros(len(self.chunk_count), np.int64)
        np.cumsum(self.chunk_count[:-1], out=first[1:])
        return np.add.reduceat(self.size, first, dtype=np.int64)

    @property
    def data_end(self) -> int:
        """Offset at which the last of all bytes ends; chunks are looked at some at a time."""
        end, first = 0, 0
        for begin in range(0, len(self.chunk_at), AT_ONCE):
            some = slice(begin, begin + AT_ONCE)
            counts = self.chunk_count[some].astype(np.int64)
            starts_at = np.cumsum(counts) - counts
            stop = first + int(counts.sum())
            sizes = np.add.reduceat(self.size[first:stop], starts_at, dtype=np.int64)
            end = max(end, int((self.chunk_at[some].astype(np.int64) + sizes).max()))
            first = stop
        return end

    @property
    def at(self) -> Ints:
        """Offset of each sample in the file."""
        ends = np.cumsum(self.size, dtype=np.int64)
        begins = ends - self.size
        first = np.zeros(len(self.chunk_count), np.int64)
        np.cumsum(self.chunk_count[:-1], out=first[1:])
        return begins + np.repeat(self.chunk_at.astype(np.int64) - begins[first], self.chunk_count)

    def samples(self, first: int = 0, stop: int | None = None) -> Samples:
        """Return samples *first* up to but not including *stop*, one by one."""
        part = slice(first, stop)
        return Samples(
            at=self.at[part],
            size=self.size[part],
            decoded=self.decoded[part],
            offset=self.offset[part],
            duration=self.duration[part],
            entry=np.repeat(self.chunk_entry, self.chunk_count)[part],
            sync=self.sync_flags[part],
        )

    def part(self, first: int, stop: int) -> Table:
        """Return the table of samples *first* up to but not including *stop*."""
        if first == 0 and stop == len(self.size):
            return self
        return pack(self.samples(first, stop))

    def without(self, numbers: Sequence[int]) -> Table:
        """Return the table without the samples of these numbers."""
        if not numbers:
            return self
        samples = self.samples()
        kept = np.ones(len(samples), np.bool_)
        kept[list(numbers)] = False
        return pack(Samples(*(column[kept] for column in vars(samples).values())))

    def retimed(self, decoded: Ints, shown: Ints, last: int) -> Table:
        """Return the same samples with other times; the last lasts *last* ticks."""
        step_count, step_ticks = runs(np.append(np.diff(decoded), last))
        shift_count, shift_ticks = shifts(shown - decoded)
        return replace(
            self,
            decoded_from=int(decoded[0]),
            step_count=step_count,
            step_ticks=step_ticks,
            shift_count=shift_count,
            shift_ticks=shift_ticks,
        )


NO_SAMPLES = Table(
    NO_TICKS, 0, NO_TICKS, NO_TICKS, NO_TICKS, NO_TICKS, None, NO_TICKS, NO_TICKS, NO_TICKS
)


def pack(samples: Samples) -> Table:
    """Put samples into run-length form."""
    if not len(samples):
        return NO_SAMPLES
    touches = samples.at[1:] == samples.at[:-1] + samples.size[:-1]
    first = starts(touches & (samples.entry[1:] == samples.entry[:-1]))
    counts = np.diff(np.append(first, len(samples)))
    durations = np.append(np.diff(samples.decoded), samples.duration[-1])
    step_count, step_ticks = runs(durations)
    shift_count, shift_ticks = shifts(samples.offset)
    return Table(
        size=samples.size,
        decoded_from=int(samples.decoded[0]),
        step_count=step_count,
        step_ticks=step_ticks,
        shift_count=shift_count,
        shift_ticks=shift_ticks,
        sync=None if samples.sync.all() else np.flatnonzero(samples.sync),
        chunk_at=samples.at[first],
        chunk_count=counts.astype(np.min_scalar_type(int(counts.max()))),
        chunk_entry=samples.entry[first],
    )


def join_samples(*parts: Samples) -> Samples:
    """Put samples behind one another."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Samples(*(np.concatenate(column) for column in columns))


def runs(values: Array) -> tuple[Ints, Array]:
    """Return how many equal values follow one another, and which."""
    first = starts(values[1:] == values[:-1])
    return np.diff(np.append(first, len(values))), values[first]


def shifts(offset: Array) -> tuple[Array, Array]:
    return runs(offset) if offset.any() else (NO_TICKS, NO_TICKS)


def starts(continues: NDArray[np.bool_]) -> Ints:
    """Return where runs begin, of flags that tell of each value but the first if it goes on."""
    return np.concatenate(([0], np.flatnonzero(~continues) + 1))


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches of a file that hold samples and nothing else, by offset; they do not touch."""

    begin: Ints
    length: Ints

    @property
    def total(self) -> int:
        return int(self.length.sum())

    def places(self, at: Array, base: int) -> Ints:
        """Return where bytes at *at* come to lie when the spans are put behind *base*."""
        if len(self.begin) == 1:
            return at.astype(np.int64) + (base - int(self.begin[0]))
        ends = np.cumsum(self.length)
        span = np.searchsorted(self.begin, at, side="right") - 1
        return at.astype(np.int64) + (base + ends - self.length - self.begin)[span]


def spans_of(tables: Sequence[Table]) -> Spans | None:
    """Return the spans that hold the samples of *tables*, None when samples share bytes."""
    begin = np.concatenate([table.chunk_at for table in tables]).astype(np.int64)
    length = np.concatenate([table.chunk_size for table in tables])
    order = np.argsort(begin, kind="stable")
    begin, length = begin[order], length[order]
    ends = begin + length
    if (begin[1:] < ends[:-1]).any():
        return None
    first = starts(begin[1:] == ends[:-1])
    return Spans(begin[first], np.add.reduceat(length, first))
