"""The SHA-256 of a file that is being written, made beside the writing."""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from collections.abc import Callable
from typing import Self

STEP = 2**20
WINDOW = 2**24
BEAT_SECONDS = 0.1


class Hasher:
    """Hashes a file that is being written, behind the writer, in a thread.

    Its pages are mapped window by window, not read into buffers: the file is ours and does not
    shrink, and no more than a window of it counts as our memory. Where a file system maps nothing,
    it is read. It goes on when the writer has closed the file, while others sync and rename it.
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
            self.hash_mapped()
        except (OSError, ValueError):
            self.run_reading()
        finally:
            os.close(self.file)

    def run_reading(self) -> None:
        try:
            self.hash_read()
        except OSError as error:
            self.error = error

    def hash_mapped(self) -> None:
        while self.done < self.size and not self.is_over:
            begin = self.done
            length = min(WINDOW, self.size - begin)
            with (
                mmap.mmap(
                    self.file, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=begin
                ) as pages,
                memoryview(pages) as view,
            ):
                while self.done < begin + length and (end := self.wait(begin + length)):
                    with view[self.done - begin : end - begin] as block:
                        self.digest.update(block)
                    self.done = end

    def hash_read(self) -> None:
        """Hash what is left, from where mapping was given up."""
        while self.done < self.size and (end := self.wait(self.size)):
            block = os.pread(self.file, end - self.done, self.done)
            if not block:
                raise OSError("the file ends before its end")
            self.digest.update(block)
            self.done += len(block)

    def wait(self, limit: int) -> int:
        """Wait until the next step or all up to *limit* is written.

        Returns where it ends, 0 when the writing was broken off.
        """
        end = min(limit, self.done + STEP)
        with self.moved:
            self.moved.wait_for(lambda: self.is_over or self.available >= end)
            return end if self.available >= end and not self.is_over else 0
