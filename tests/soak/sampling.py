"""What an installation takes at a moment: its processes, rows and files."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests.running import read

KIB = 1024
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Words of a command, and the part that a process plays; the first that fits.
PARTS = (
    ("valkey", "broker"),
    ("uvicorn", "web"),
    ("-A vms beat", "beat"),
    ("-n exports@", "exports worker"),
    ("-n default@", "default worker"),
    ("manage.py record", "recorder"),
    ("previews.rendering", "renderer"),
    ("ffmpeg", "ffmpeg"),
    ("manage.py up", "up"),
)
WORKERS = {"exports worker", "default worker"}


@dataclass
class Usage:
    """What the processes of one part take together; bytes, open files, threads."""

    processes: int = 0
    memory: int = 0
    handles: int = 0
    threads: int = 0


@dataclass
class Sample:
    at: float
    usage: dict[str, Usage]
    counts: dict[str, int] = field(default_factory=dict)


def family(root: int) -> dict[int, tuple[int, str]]:
    """List *root* and all its descendants: process id -> (parent, command)."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            fields = read(Path(entry.path) / "stat").rpartition(b")")[2].split()
            if fields:
                children[int(fields[1])].append(int(entry.name))
    found, waiting = {}, [(0, root)]
    while waiting:
        parent, pid = waiting.pop()
        command = read(Path(f"/proc/{pid}/cmdline")).replace(b"\0", b" ").decode(errors="replace")
        if command:
            found[pid] = (parent, command)
        waiting += [(pid, child) for child in children[pid]]
    return found


def part_of(pid: int, processes: dict[int, tuple[int, str]]) -> str:
    parent, command = processes[pid]
    part = next((part for words, part in PARTS if words in command), "other")
    above = part_of(parent, processes) if parent in processes else ""
    if part in WORKERS and above.startswith(part):
        return f"{part}: child"
    return f"{above}: ffmpeg" if part == "ffmpeg" else part


def usage_of(root: int) -> dict[str, Usage]:
    processes = family(root)
    found: dict[str, Usage] = defaultdict(Usage)
    for pid in processes:
        place = Path(f"/proc/{pid}")
        with suppress(OSError, IndexError, ValueError):
            pages = int(read(place / "statm").split()[1])
            threads = int(read(place / "stat").rpartition(b")")[2].split()[17])
            handles = sum(1 for _ in (place / "fd").iterdir())
            usage = found[part_of(pid, processes)]
            usage.processes += 1
            usage.memory += pages * PAGE_BYTES
            usage.handles += handles
            usage.threads += threads
    return dict(found)


def sample(root: int, redis_url: str, folder: Path) -> Sample:
    return Sample(time.monotonic(), usage_of(root), {**rows(), **files(folder), **keys(redis_url)})


def rows() -> dict[str, int]:
    """Count the rows of what comes and goes."""
    from cameras.models import Segment
    from downloads.models import Download
    from exports.models import ExportJob
    from exports.psim.models import ArchiveTask
    from vms.accounts.models import Session
    from vms.push.models import Event, Feed
    from vms.webhooks.models import Delivery

    tables = {
        "downloads": Download.objects,
        "downloads not announced": Download.objects.filter(
            announced_at=None, cancelled_at=None, job__state__in=("ready", "failed", "expired")
        ),
        "jobs": ExportJob.objects,
        "jobs: waiting, running": ExportJob.objects.filter(state__in=ExportJob.ACTIVE),
        "jobs: ready": ExportJob.objects.filter(state="ready"),
        "jobs without a download": ExportJob.objects.filter(downloads=None),
        "events": Event.objects,
        "events unsent": Event.objects.filter(sent_at=None),
        "feeds": Feed.objects,
        "sessions": Session.objects,
        "webhook deliveries": Delivery.objects,
        "webhook deliveries waiting": Delivery.objects.filter(state="pending"),
        "PSIM tasks": ArchiveTask.objects,
        "PSIM tasks without a download": ArchiveTask.objects.filter(download=None),
        "segments": Segment.objects,
    }
    return {f"rows: {name}": found.count() for name, found in tables.items()}


def files(folder: Path) -> dict[str, int]:
    """Count the files of what comes and goes, and the bytes of what has a cap."""
    data = folder / "data"
    previews = [path for path in below(data / "previews") if not path.name.startswith(".")]
    storage = below(data / "storage")
    return {
        "files: finished": sum(is_finished(path) for path in storage),
        "files: exports being made": sum(".partial" in path.parts for path in storage),
        "files: previews": sum(".partial" not in path.parts for path in previews),
        "files: previews being made": sum(".partial" in path.parts for path in previews),
        "bytes: previews": sum(size_of(path) for path in previews),
        "files: recipes of links": len(below(data / "links")),
        "files: pinned segments": sum(
            path.name != ".lock" for root in pin_roots(data) for path in below(root)
        ),
        "files: sidecars": sum(path.suffix == ".idx" for path in below(data / "index")),
        "files: temporary": len(list((folder / "tmp").rglob("*"))),
        "bytes: database": sum(size_of(path) for path in data.glob("vms.sqlite3*")),
        "bytes: broker's disk": sum(size_of(path) for path in below(data / "valkey")),
    }


def pin_roots(data: Path) -> list[Path]:
    return [data / "storage" / ".pins", data / "archive" / ".pins"]


def is_finished(path: Path) -> bool:
    return not {".partial", ".pins"} & set(path.parts)


def below(root: Path) -> list[Path]:
    """List the files below *root*, which come and go meanwhile."""
    return [Path(folder) / name for folder, _, names in os.walk(root) for name in names]


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def keys(url: str) -> dict[str, int]:
    """Ask the broker what it holds."""
    with redis.Redis.from_url(url) as client:
        space = client.info("keyspace").get("db0", {"keys": 0, "expires": 0})
        return {
            "keys of the broker": space["keys"],
            "keys of the broker without an end": space["keys"] - space["expires"],
            "bytes: broker's data": client.info("memory")["used_memory"],
        }
