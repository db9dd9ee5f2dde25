"""The SHA-256 of a file that is being written, made beside the writing."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from typing import Self

# What is read at once: small enough to stay in the processor's cache.
STEP = 2**18
BEAT_SECONDS = 0.1


class Hasher:
    """Hashes a file that is being written, behind the writer, in a thread.

    Pages just written are read back from memory. They are not mapped: a page that cannot be had any
    more (a broken disk, a file that somebody shortens) would end the process instead of the work.
    It goes on when the writer has closed the file, while others sync and rename it.
    """

    def __init__(self, file: int, size: int) -> None:
        self.file = os.dup(file)
        self.size = size
        self.digest = hashlib.sha256()
        self.done = 0
        self.available = 0
        self.is_over = False
        self.error: Exception | None = None
        self.moved = threading.Condition()
        self.thread = threading.Thread(target=self.run, name="hasher", daemon=True)

    def start(self) -> Self:
        self.thread.start()
        return self

    def close(self) -> None:
        """Break off if it is not finished; may be called again."""
        with self.moved:
            self.is_over = True
            self.moved.notify()
        self.thread.join()

    def reached(self, written: int) -> None:
        """Say how much of the file is written."""
        with self.moved:
            self.available = written
            self.moved.notify()

    def finish(self, tick: Callable[[], None]) -> str:
        """Wait for the rest of a file that is written, calling *tick* meanwhile.

        Returns the digest in hex; raises what went wrong in the thread.
        """
        self.thread.join(BEAT_SECONDS)
        while self.thread.is_alive():
            tick()
            self.thread.join(BEAT_SECONDS)
        if self.error is not None:
            raise self.error
        return self.digest.hexdigest()

    def run(self) -> None:
        try:
            self.hash_all()
        except OSError as error:
            self.error = error
        finally:
            os.close(self.file)

    def hash_all(self) -> None:
        buffer = bytearray(STEP)
        with memoryview(buffer) as view:
            while self.done < self.size and (end := self.wait()):
                while self.done < end and not self.is_over:
                    count = os.preadv(self.file, [view[: end - self.done]], self.done)
                    if count == 0:
                        raise OSError("the file ends before its end")
                    self.digest.update(view[:count])
                    self.done += count

    def wait(self) -> int:
        """Wait until a step more, or all, is written.

        Returns how much is, 0 when the writing was broken off.
        """
        least = min(self.size, self.done + STEP)
        with self.moved:
            self.moved.wait_for(lambda: self.is_over or self.available >= least)
            return 0 if self.is_over else self.available
