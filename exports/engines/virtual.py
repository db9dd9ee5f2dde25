"""A spliced file read where its segments lie, without a copy: for links that serve ranges."""

from __future__ import annotations

import hashlib
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from exports.engines.base import Locate
from exports.engines.sources import changed, check_path, is_as_planned, open_segment
from exports.engines.spliced import Blob, Part, Range, SplicedFile

BLOCK = 2**20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RESOLUTION = timedelta(microseconds=1)


@dataclass(frozen=True)
class FilePart:
    """Bytes of a file on the disk, for whoever can send them without reading them."""

    path: Path
    offset: int
    length: int


@dataclass(frozen=True)
class Piece:
    """Some bytes of a part, from *skip* on."""

    part: Part
    skip: int
    length: int


class VirtualFile:
    """The bytes `write_copy` would write, by position.

    Holds no descriptor between reads, and one during a read; safe to use from several threads.
    *locate* tells where the segments are: best the paths of `exports.engines.pins`.
    """

    def __init__(self, spliced: SplicedFile, locate: Locate) -> None:
        self.spliced = spliced
        self.locate = locate
        self.parts: tuple[Part, ...] = (Blob(spliced.header), *spliced.ranges)
        self.begins = list(accumulate((part.length for part in self.parts), initial=0))

    @property
    def length(self) -> int:
        return self.begins[-1]

    @cached_property
    def etag(self) -> str:
        """A strong entity tag, with its quotes: another as soon as a byte can be another."""
        return f'"{digest_of(self.spliced)[:32]}"'

    def read(self, begin: int, end: int, block: int = BLOCK) -> Generator[bytes, None, None]:
        """Read `[begin, end)` in blocks of *block* bytes; never ends early without an error.

        Every segment of the span is looked at before this returns, and again after each block was
        read and before it is handed out. Close the iterator when it is not read to its end.

        Raises:
            SegmentChanged: at once or between blocks, a segment is gone or was changed.
            ValueError: the file has no such span.
        """
        self.check(begin, end)
        return self.blocks(begin, end, block)

    def check(self, begin: int, end: int) -> None:
        """See that the segments of `[begin, end)` are what they were; raises as `read` does."""
        if not 0 <= begin <= end <= self.length:
            raise ValueError("the file has no such span")
        parts = self.parts[bisect_right(self.begins, begin) - 1 : bisect_left(self.begins, end)]
        for segment in dict.fromkeys(p.segment for p in parts if isinstance(p, Range)):
            check_path(self.spliced, segment, self.locate)

    def file_parts(self, begin: int, end: int) -> Iterator[FilePart | bytes]:
        """Say of what `[begin, end)` is made, for sendfile; raises as `read` does.

        What is in no file comes as bytes, at most 1 MiB at once.
        """
        self.check(begin, end)
        return self.file_pieces(begin, end)

    def file_pieces(self, begin: int, end: int) -> Iterator[FilePart | bytes]:
        for piece in self.pieces(begin, end):
            if isinstance(piece.part, Range):
                path = self.locate(piece.part.segment)
                yield FilePart(path, piece.part.offset + piece.skip, piece.length)
            else:
                stop = piece.skip + piece.length
                for at in range(piece.skip, stop, BLOCK):
                    yield piece.part.data[at : min(stop, at + BLOCK)]

    def pieces(self, begin: int, end: int) -> Iterator[Piece]:
        """List what lies in `[begin, end)`, clipped."""
        index = bisect_right(self.begins, begin) - 1
        while begin < end:
            skip = begin - self.begins[index]
            length = min(end, self.begins[index + 1]) - begin
            if length:
                yield Piece(self.parts[index], skip, length)
            begin += length
            index += 1

    def blocks(self, begin: int, end: int, block: int) -> Generator[bytes, None, None]:
        """Gather the bytes of small pieces to blocks."""
        gathered: list[bytes] = []
        room = block
        reader = Reader(self.spliced, self.locate)
        try:
            for piece in self.pieces(begin, end):
                done = 0
                while done < piece.length:
                    data = reader.read(
                        piece.part, piece.skip + done, min(room, piece.length - done)
                    )
                    gathered.append(data)
                    done, room = done + len(data), room - len(data)
                    if room == 0:
                        yield b"".join(gathered)
                        gathered, room = [], block
            if gathered:
                yield b"".join(gathered)
        finally:
            reader.close()


class Reader:
    """Reads parts one after another with a single descriptor."""

    def __init__(self, spliced: SplicedFile, locate: Locate) -> None:
        self.spliced = spliced
        self.locate = locate
        self.segment: int | None = None
        self.file = -1

    def read(self, part: Part, skip: int, count: int) -> bytes:
        """Read up to *count* bytes of *part*, at least one, of a segment that is unchanged.

        Raises:
            SegmentChanged: it is not.
        """
        if isinstance(part, Blob):
            return part.data[skip : skip + count]
        if part.segment != self.segment:
            self.close()
            self.file = open_segment(self.spliced, part.segment, self.locate)
            self.segment = part.segment
        data = os.pread(self.file, count, part.offset + skip)
        if not data or not is_as_planned(os.fstat(self.file), self.spliced, part.segment):
            raise changed(self.spliced, part.segment)
        return data

    def close(self) -> None:
        file, self.file, self.segment = self.file, -1, None
        if file >= 0:
            with suppress(OSError):  # it was only read
                os.close(file)


def digest_of(spliced: SplicedFile) -> str:
    """Hash what decides about the bytes: the header, own bytes, and what was read where.

    A segment counts by when it begins, its size and its time of change, not by the id of its row,
    which a scan after the loss of the database gives anew.
    """
    digest = hashlib.sha256(struct.pack("<Q", len(spliced.header)) + spliced.header)
    keys = {
        segment: struct.pack(
            "<qQq", (spliced.begins[segment] - EPOCH) // RESOLUTION, *spliced.states[segment]
        )
        for segment in spliced.segments
    }
    for part in spliced.ranges:
        if isinstance(part, Range):
            place = struct.pack("<cQQ", b"r", part.offset, part.length)
            digest.update(place + keys[part.segment])
        else:
            digest.update(struct.pack("<cQ", b"b", part.length) + part.data)
    return digest.hexdigest()
