"""The files below an archive folder. Pure reading: nothing is opened, no link is followed."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

LONGEST_PATH = 500
# Nanoseconds beyond it, after the year 2262, fit no column.
LAST_MTIME_NS = 2**63 - 1


@dataclass(frozen=True)
class FoundFile:
    """A regular file; `path` is relative to the folder, with `/`."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Refused:
    """A file (or folder) that cannot be used, by relative path, and why in a short phrase."""

    path: str
    reason: str


@dataclass
class Listing:
    """What lies below a folder. `closed` are folders that may not be entered, ending in `/`."""

    files: list[FoundFile] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    is_empty: bool = True

    def knows(self, path: str) -> bool:
        """Say whether this listing could have seen *path* had it been there."""
        return not any(path.startswith(folder) for folder in self.closed)


def list_files(root: Path) -> Listing:
    """List *root* and all below it; names that begin with a dot do not count.

    Raises:
        OSError: *root* itself cannot be listed.
    """
    listing = Listing()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError:
            if not folder:
                raise
            listing.closed.append(folder)
            listing.refused.append(Refused(folder, "the folder cannot be read"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            listing.is_empty = False
            path = folder + entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path + "/")
            else:
                add_file(listing, path, entry)
    return listing


def add_file(listing: Listing, path: str, entry: os.DirEntry[str]) -> None:
    reason = refuse_name(path)
    if reason:
        listing.refused.append(Refused(path, reason))
        return
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return  # deleted since the folder was read
    if not stat.S_ISREG(found.st_mode):
        listing.refused.append(Refused(path, "it is a link or a device, not a file"))
        return
    if abs(found.st_mtime_ns) > LAST_MTIME_NS:
        listing.refused.append(Refused(path, "it was last written at a time that cannot be"))
        return
    listing.files.append(FoundFile(path, found.st_size, found.st_mtime_ns))


def refuse_name(path: str) -> str:
    if len(path) > LONGEST_PATH:
        return "its name is too long"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return "" if "\0" not in path else "its name is not text"


def is_gone(root: Path, path: str) -> bool:
    """Say whether no file is at *path* any more. What a link below *root* leads to is none."""
    here, mode = root, 0
    for part in PurePosixPath(path).parts:
        here /= part
        try:
            mode = here.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        if stat.S_ISLNK(mode):
            return True
    return not stat.S_ISREG(mode)
