"""Turning a header and ranges into a file: read, written and hashed on the way."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from exports.engines.base import Locate, Tick
from exports.engines.hashing import STEP as HASH_STEP
from exports.engines.hashing import Hasher
from exports.engines.reflink import BLOCK, lies_alike, step_to_edge
from exports.engines.sources import Sources, changed
from exports.engines.spliced import Blob, Range, SplicedFile

# What one system call copies at most: large enough to cost nothing.
STEP = 16 * 2**20
FIRST_STEP = 2**20
LEAST_STEP = 16 * BLOCK
# A call that took longer is too long to hear a cancel; one that took less may do more.
SLOW_SECONDS, QUICK_SECONDS = 0.2, 0.05
BEAT_SECONDS = 0.1
# A file system or a pair of them that cannot copy within the kernel says one of these.
NOT_HERE = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
LIBC = ctypes.CDLL(None, use_errno=True)

# Copies from a descriptor to where another stands: (source, output, offset, count) -> copied.
Copier = Callable[[int, int, int, int], int]


def kernel_copy(source: int, output: int, at: int, count: int) -> int:
    return os.copy_file_range(source, output, count, offset_src=at)


def write_copy(
    spliced: SplicedFile,
    locate: Locate,
    target: Path,
    tick: Tick,
    *,
    ways: Sequence[Copier] | None = None,
) -> Hasher:
    """Write the file *spliced* describes and return what makes its SHA-256: to be closed.

    The segments are opened, or at least looked at, before anything is written. The bytes go
    through our memory, where the hash is taken while the next ones are copied. *tick* hears the
    share written several times a second. *ways* of the kernel are tried before that, in order, and
    one that cannot is not tried again; by default where it may share blocks instead of copying.

    Raises:
        SegmentChanged: a segment went away, or is not the file that was planned with.
        OSError: the target cannot be written.
    """
    with ExitStack() as stack:
        sources = stack.enter_context(Sources(spliced, locate))
        output = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        stack.callback(os.close, output)
        is_shared = lies_alike(spliced)
        if not is_shared:
            # Room that was asked for stays taken where blocks are shared (btrfs).
            reserve(output, spliced.size)
        if ways is None:
            ways = [kernel_copy] if is_shared else []
        hasher = Hasher(output, spliced.size).start()
        with ExitStack() as broken_off:
            broken_off.callback(hasher.close)
            progress = Progress(spliced.size, tick)
            carrier = Carrier(output, hasher, progress.tell)
            carrier.write(spliced.header)
            progress.moved(len(spliced.header))
            for count in copy_parts(spliced, sources, Pace(ways, carrier)):
                progress.moved(count)
            carrier.flush()
            tick(1.0)
            broken_off.pop_all()
        return hasher


def copy_parts(spliced: SplicedFile, sources: Sources, pace: Pace) -> Iterator[int]:
    """Copy part after part; yields the bytes of every step."""
    at = len(spliced.header)
    for part, following in zip(spliced.ranges, [*spliced.ranges[1:], None], strict=True):
        if isinstance(part, Blob):
            pace.carrier.write(part.data)
            at += part.length
            yield part.length
            continue
        source = sources.use(part.segment)
        done = 0
        while done < part.length:
            left = step_to_edge(part.offset + done, at, part.length - done)
            count = pace.copy(source, part.offset + done, left)
            if count == 0:
                raise changed(spliced, part.segment)
            done, at = done + count, at + count
            yield count
        if not (isinstance(following, Range) and following.segment == part.segment):
            sources.check(part.segment)


def reserve(output: int, size: int) -> None:
    """Ask for the room at once, so that a full disk says so first and the file is in one piece.

    Not by posix_fallocate: where a file system cannot do it, the C library writes into every
    block instead, and all is written twice.

    Raises:
        OSError: there is no room (ENOSPC, EDQUOT), or the file may not be so large (EFBIG).
    """
    while size and LIBC.fallocate(output, 0, ctypes.c_int64(0), ctypes.c_int64(size)):
        number = ctypes.get_errno()
        if number in {errno.EOPNOTSUPP, errno.ENOSYS}:
            return
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))


class Carrier:
    """Writes a file through blocks of memory that are hashed next.

    What is read is written while it is in the processor's cache; `filled` counts the bytes of the
    block that are read, `sent` those of them that are written, `written` those of the file.
    """

    def __init__(self, output: int, hasher: Hasher, tick: Callable[[], None]) -> None:
        self.output = output
        self.hasher = hasher
        self.tick = tick
        self.written = 0
        self.block: bytearray | None = None
        self.filled = 0
        self.sent = 0

    def copy(self, source: int, at: int, count: int) -> int:
        """Copy some of the *count* bytes at *at*; returns how many, 0 when there are none."""
        if self.block is None:
            self.block = self.hasher.block(self.tick)
        room = HASH_STEP - (self.filled - self.sent)
        with memoryview(self.block) as view:
            found = os.preadv(source, [view[self.filled :][: min(count, room)]], at)
        self.filled += found
        if self.filled == len(self.block):
            self.flush()
        elif found == room:
            self.send()
        return found

    def write(self, data: bytes) -> None:
        self.flush()
        self.write_all(data)
        self.hasher.hand(data)

    def send(self) -> None:
        """Write what is read."""
        if self.block is not None:
            with memoryview(self.block) as view:
                self.write_all(view[self.sent : self.filled])
            self.sent = self.filled

    def flush(self) -> None:
        """Write what is read and have it hashed."""
        self.send()
        if self.block is not None and self.filled:
            self.hasher.hand(memoryview(self.block)[: self.filled], self.block)
            self.block, self.filled, self.sent = None, 0, 0

    def write_all(self, data: memoryview | bytes) -> None:
        done = 0
        with memoryview(data) as view:
            while done < len(view):
                done += os.write(self.output, view[done : done + STEP])
        self.written += done

    def copied(self, count: int) -> None:
        """Take note of what the kernel copied by itself."""
        self.written += count
        self.hasher.reached(self.written)


class Pace:
    """Copies by the best way that works here, as much at once as takes a moment."""

    def __init__(self, ways: Sequence[Copier], carrier: Carrier) -> None:
        self.ways = list(ways)
        self.carrier = carrier
        self.step = FIRST_STEP

    def copy(self, source: int, at: int, left: int) -> int:
        """Copy some of *left*; returns how much, 0 when nothing is found there."""
        count = min(left, self.step)
        begun_at = time.monotonic()
        copied = self.try_ways(source, at, count) or self.carrier.copy(source, at, count)
        seconds = time.monotonic() - begun_at
        if seconds > SLOW_SECONDS:
            self.step = max(LEAST_STEP, self.step // 4)
        elif seconds < QUICK_SECONDS and copied == self.step:
            self.step = min(STEP, self.step * 2)
        return copied

    def try_ways(self, source: int, at: int, count: int) -> int:
        """Copy by the first way that can; some file systems say 0 instead of that they cannot."""
        while self.ways:
            self.carrier.flush()
            try:
                copied = self.ways[0](source, self.carrier.output, at, count)
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                copied = 0
            if copied:
                self.carrier.copied(copied)
                return copied
            del self.ways[0]
        return 0


class Progress:
    """Passes on how much is written, no more often than somebody can use it."""

    def __init__(self, size: int, tick: Tick) -> None:
        self.size = size
        self.tick = tick
        self.written = 0
        self.ticked_at = 0.0

    def moved(self, count: int) -> None:
        self.written += count
        now = time.monotonic()
        if now - self.ticked_at >= BEAT_SECONDS:
            self.ticked_at = now
            self.tell()

    def tell(self) -> None:
        self.tick(self.written / self.size)
