"""Whether the folders of the settings can be used, asked without changing anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

KIBI = 1024


def folder_problem(folder: Path) -> str | None:
    """Say what is wrong with *folder*, None when it can be written or could be made."""
    if folder.exists() and not folder.is_dir():
        return "is not a folder"
    there = nearest_existing(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return "cannot be written" if there == folder else "does not exist and cannot be made"
    return None


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(nearest_existing(folder)).free


def nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def readable_size(size: int) -> str:
    """Write *size* in the unit people would use, for example `12.3 GiB`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < KIBI:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= KIBI
    return f"{value:.1f} TiB"
