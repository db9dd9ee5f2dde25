"""What a place of finished files can do, whether it is a folder or a bucket.

Names are those of `storage.published_name`: two letters, a slash, job, attempt and suffix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


class StorageAway(OSError):
    """The place of finished files cannot be asked: a disk not mounted, a server that is down."""

    def __init__(self, what: str = "the storage is away") -> None:
        super().__init__(what)


class Beside(Protocol):
    """Does work on so many bytes while somebody else beats; its errors go through."""

    def __call__(self, size: int, work: Callable[[], None], /) -> None: ...


@dataclass(frozen=True)
class StoredFile:
    """A file of ours that is there, whole or in the making."""

    name: str
    size: int
    written_at: datetime


@dataclass(frozen=True)
class LinkAnswer:
    """What the store is to say beside the bytes when somebody follows a link to it."""

    content_type: str
    content_disposition: str


class Opened(Protocol):
    """A finished file that is being read, by one thread at a time."""

    size: int

    def start(self, begin: int, end: int) -> None:
        """Say which bytes are going to be read, in order."""

    def read(self, count: int) -> bytes:
        """Return at most *count* bytes; none at the end of the file.

        Raises:
            OSError: they cannot be had.
        """

    def close(self) -> None:
        """Let go of it; may be called again."""


class Store(Protocol):
    """A place of finished files. Where it cannot be asked its methods raise `StorageAway`."""

    def publish(
        self, partial: Path, name: str, beside: Beside, digest: Callable[[Path], str]
    ) -> str:
        """Bring a finished file to its place, whole and durably; returns its SHA-256 in hex.

        *digest* waits for that of a file which has the partial file's content.

        Raises:
            NoRoom, StorageFailed: the place is full or refuses; nothing is to be had by the name.
        """

    def open(self, name: str) -> Opened:
        """Open a finished file.

        Raises:
            FileNotFoundError: it is not there, though the place is.
        """

    def exists(self, name: str) -> bool:
        """Say whether a finished file is there."""

    def link(self, name: str, method: str, seconds: int, answer: LinkAnswer) -> str:
        """Make a link by which a client has the file sent by the place itself."""

    def delete(self, name: str) -> None:
        """Remove a finished file; one that is gone already is fine.

        Raises:
            OSError: it could not be removed.
        """

    def files(self) -> Iterator[StoredFile]:
        """List finished files that bear names we give; whatever else is there is not ours."""

    def strays(self, older_than: datetime) -> list[str]:
        """List, by name, our files written last before *older_than*, unfinished ones too."""

    def remove_stray(self, name: str) -> None:
        """Remove one of `strays`, and what belongs to it.

        Raises:
            OSError: it could not be removed.
        """

    def problem(self, *, is_quick: bool = False) -> str | None:
        """Say in a few words why files can be neither kept nor found there; None when they can.

        *is_quick* gives up within a few seconds.
        """
