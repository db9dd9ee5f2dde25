"""The SHA-256 of a file that is being written, made beside the writing."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Self

# What is handed over at once: large enough that handing over costs nothing.
BLOCK = 2**20
# So many blocks may wait to be hashed: a moment's work, for when the writer is held up.
MOST_BLOCKS = 6
# What is read at once: small enough to stay in a processor's cache.
STEP = 2**18
BEAT_SECONDS = 0.1
TOO_EARLY = "the hashing ended before the file"

# Bytes to hash and the block to give back when that is done, or how much of the file is written.
Work = tuple[memoryview | bytes, bytearray | None] | int


class Hasher:
    """Hashes a file that is being written, beside the writer, in a thread.

    It is handed what is written, which costs less than reading it back: hashing is what takes
    longest. Only what the kernel copied by itself is read back from the file; it is not mapped,
    as a page that cannot be had any more (a broken disk, a file that somebody shortens) would end
    the process instead of the work. It goes on when the writer has closed the file, while others
    sync and rename it.
    """

    def __init__(self, file: int, size: int) -> None:
        self.file = os.dup(file)
        self.size = size
        self.digest = hashlib.sha256()
        self.done = 0
        self.is_over = False
        self.error: Exception | None = None
        self.work: SimpleQueue[Work] = SimpleQueue()
        self.free: SimpleQueue[bytearray] = SimpleQueue()
        self.blocks = 0
        self.thread = threading.Thread(target=self.run, name="hasher", daemon=True)

    def start(self) -> Self:
        self.thread.start()
        return self

    def close(self) -> None:
        """Break off if it is not finished; may be called again."""
        self.is_over = True
        self.work.put(0)
        self.thread.join()

    def block(self, tick: Callable[[], None]) -> bytearray:
        """Return a block to be filled and handed back, calling *tick* while none is free.

        Raises what went wrong in the thread.
        """
        with suppress(Empty):
            return self.free.get_nowait()
        if self.blocks < MOST_BLOCKS:
            self.blocks += 1
            return bytearray(BLOCK)
        while self.thread.is_alive():
            with suppress(Empty):
                return self.free.get(timeout=BEAT_SECONDS)
            tick()
        raise self.error or OSError(TOO_EARLY)

    def hand(self, data: memoryview | bytes, block: bytearray | None = None) -> None:
        """Have what was written next hashed; *block* is what it lies in, if it is one of ours."""
        self.work.put((data, block))

    def reached(self, written: int) -> None:
        """Say how much of the file is written: what was not handed over is read back."""
        self.work.put(written)

    def finish(self, tick: Callable[[], None]) -> str:
        """Wait for the rest of a file that is written, calling *tick* meanwhile.

        Returns the digest in hex; raises what went wrong in the thread.
        """
        self.thread.join(BEAT_SECONDS)
        while self.thread.is_alive():
            tick()
            self.thread.join(BEAT_SECONDS)
        if self.error is not None or self.done < self.size:
            raise self.error or OSError(TOO_EARLY)
        return self.digest.hexdigest()

    def run(self) -> None:
        try:
            self.hash_all()
        except OSError as error:
            self.error = error
        finally:
            os.close(self.file)

    def hash_all(self) -> None:
        while self.done < self.size and not self.is_over:
            work = self.work.get()
            if isinstance(work, int):
                self.read_back(work)
                continue
            data, block = work
            self.digest.update(data)
            self.done += len(data)
            if block is not None:
                self.free.put(block)

    def read_back(self, end: int) -> None:
        if self.done >= end:
            return
        with memoryview(bytearray(STEP)) as view:
            while self.done < end and not self.is_over:
                count = os.preadv(self.file, [view[: end - self.done]], self.done)
                if count == 0:
                    raise OSError("the file ends before its end")
                self.digest.update(view[:count])
                self.done += count
