"""Turning a header and ranges into a file: copied by the kernel, hashed on the way."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from exports.engines.base import Locate
from exports.engines.spliced import Range, SplicedFile
from exports.errors import SegmentChanged

# What one system call copies: small enough to hear a cancel, large enough to cost nothing.
STEP = 16 * 2**20
HASH_STEP = 2**20
WINDOW = 2**24
# A file system or a pair of them that cannot copy within the kernel says one of these.
NOT_HERE = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}

Copier = Callable[[int, int, int, int], int]


def write_copy(
    spliced: SplicedFile, locate: Locate, target: Path, tick: Callable[[float], None]
) -> str:
    """Write the file *spliced* describes and return its SHA-256 in hex.

    The hash is taken from the pages just written while the next ones are copied. *tick* hears
    the share written after every step.

    Raises:
        SegmentChanged: a segment went away, or is not the file that was planned with.
        OSError: the target cannot be written.
    """
    with ExitStack() as stack:
        output = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        stack.callback(os.close, output)
        os.posix_fallocate(output, 0, spliced.size)
        hasher = stack.enter_context(Hasher(output, spliced.size))
        os.write(output, spliced.header)
        written = len(spliced.header)
        for count in copy_ranges(spliced, locate, output):
            written += count
            hasher.reached(written)
            tick(written / spliced.size)
        return hasher.finish()


def copy_ranges(spliced: SplicedFile, locate: Locate, output: int) -> Iterator[int]:
    """Copy range after range; yields the bytes of every step."""
    copier: Copier = kernel_copy
    opened, source = None, -1
    try:
        for part in spliced.ranges:
            if part.segment != opened:
                if source >= 0:
                    os.close(source)
                    source = -1
                opened, source = part.segment, open_segment(part, spliced, locate)
            at, left = part.offset, part.length
            while left:
                try:
                    count = copier(source, output, at, min(left, STEP))
                except OSError as error:
                    if error.errno not in NOT_HERE or copier is plain_copy:
                        raise
                    copier = send_copy if copier is kernel_copy else plain_copy
                    continue
                if count == 0:
                    raise changed(part, spliced)
                at, left = at + count, left - count
                yield count
    finally:
        if source >= 0:
            os.close(source)


def open_segment(part: Range, spliced: SplicedFile, locate: Locate) -> int:
    """Open a segment and see that it is still the one that was planned with."""
    try:
        source = os.open(locate(part.segment), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise changed(part, spliced) from error
    state = os.fstat(source)
    if (state.st_size, state.st_mtime_ns) != spliced.states[part.segment]:
        os.close(source)
        raise changed(part, spliced)
    return source


def changed(part: Range, spliced: SplicedFile) -> SegmentChanged:
    begin = spliced.begins[part.segment]
    return SegmentChanged(f"The segment of {begin:%Y-%m-%d %H:%M:%S} UTC changed while it was cut.")


def kernel_copy(source: int, output: int, at: int, count: int) -> int:
    return os.copy_file_range(source, output, count, offset_src=at)


def send_copy(source: int, output: int, at: int, count: int) -> int:
    return os.sendfile(output, source, at, count)


def plain_copy(source: int, output: int, at: int, count: int) -> int:
    block = os.pread(source, min(count, HASH_STEP), at)
    view = memoryview(block)
    while view:
        view = view[os.write(output, view) :]
    return len(block)


class Hasher:
    """Hashes a file that is being written, behind the writer, in a thread.

    Its pages are mapped window by window, not read into buffers: the file is ours and does not
    shrink, and no more than a window of it counts as our memory.
    """

    def __init__(self, file: int, size: int) -> None:
        self.file = file
        self.size = size
        self.digest = hashlib.sha256()
        self.available = 0
        self.is_over = False
        self.error: Exception | None = None
        self.moved = threading.Condition()
        self.thread = threading.Thread(target=self.run, name="hasher", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        with self.moved:
            self.is_over = True
            self.moved.notify()
        self.thread.join()

    def reached(self, written: int) -> None:
        with self.moved:
            self.available = written
            self.moved.notify()

    def finish(self) -> str:
        """Wait for the rest and return the digest in hex; raises what went wrong in the thread."""
        self.reached(self.size)
        self.thread.join()
        if self.error is not None:
            raise self.error
        return self.digest.hexdigest()

    def run(self) -> None:
        try:
            for begin in range(0, self.size, WINDOW):
                if not self.hash_window(begin, min(WINDOW, self.size - begin)):
                    return
        except (OSError, ValueError) as error:
            self.error = error

    def hash_window(self, begin: int, length: int) -> bool:
        """Hash one window as it fills; False when the writing was broken off."""
        with (
            mmap.mmap(self.file, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=begin) as pages,
            memoryview(pages) as view,
        ):
            done = 0
            while done < length:
                end = self.wait_beyond(begin + done)
                if end is None:
                    return False
                step = min(end - begin, length, done + HASH_STEP)
                with view[done:step] as block:
                    self.digest.update(block)
                done = step
        return True

    def wait_beyond(self, done: int) -> int | None:
        """Wait until more than *done* is written; returns how much, None when it is over."""
        with self.moved:
            self.moved.wait_for(lambda: self.is_over or self.available > done)
            return None if self.is_over else self.available
