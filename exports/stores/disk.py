"""Finished files in a folder of this machine, or in one that several machines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from exports import storage
from exports.stores.base import Beside, LinkAnswer, StorageAway, StoredFile


class OpenedOnDisk:
    """A finished file in the folder."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file = file
        self.size = size

    def start(self, begin: int, end: int) -> None:  # noqa: ARG002 - one reads on to where one likes
        self.file.seek(begin)

    def read(self, count: int) -> bytes:
        return self.file.read(count)

    def close(self) -> None:
        self.file.close()


class DiskStore:
    """The storage folder."""

    def publish(
        self,
        partial: Path,
        name: str,
        beside: Beside,
        digest: Callable[[Path], str],
    ) -> str:
        """Sync and rename; while the disk takes it the rest of its digest is made."""
        beside(partial.stat().st_size, lambda: publish_on_disk(partial))
        return digest(storage.path_of(name))

    def open(self, name: str) -> OpenedOnDisk:
        path = storage.path_of(name)
        try:
            return OpenedOnDisk(path.open("rb"), path.stat().st_size)
        except FileNotFoundError as error:
            if not storage.is_present():
                raise StorageAway from error
            raise

    def exists(self, name: str) -> bool:
        if storage.path_of(name).exists():
            return True
        if not storage.is_present():
            raise StorageAway
        return False

    def link(self, name: str, method: str, seconds: int, answer: LinkAnswer) -> str:
        raise NotImplementedError("a folder sends nothing by itself")

    def delete(self, name: str) -> None:
        storage.delete(name)

    def files(self) -> Iterator[StoredFile]:
        if not storage.is_present():
            raise StorageAway
        for path in storage.finished_files():
            try:
                facts = path.stat()
            except OSError:
                continue  # it went by itself
            name = path.relative_to(storage.root()).as_posix()
            written_at = datetime.fromtimestamp(facts.st_mtime, UTC)
            yield StoredFile(name, facts.st_size, written_at)

    def strays(self, older_than: datetime) -> list[str]:
        return storage.strays(older_than)

    def remove_stray(self, name: str) -> None:
        storage.delete(name)

    def problem(self, *, is_quick: bool = False) -> str | None:  # noqa: ARG002 - a folder always is
        return None if storage.is_present() else "the storage folder is not there"


def publish_on_disk(partial: Path) -> None:
    storage.publish(partial, partial.stem)
