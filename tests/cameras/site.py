"""A whole installation in a temporary folder, driven by commands as an operator would."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.running import PATIENCE_SECONDS
from vms.media.process import tie_to_parent

DEMO = "demo:?size=160x90&fps=10&gop=10"
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Row:
    """A segment as the database has it."""

    begin: datetime
    end: datetime
    path: Path
    audio_codec: str


class Site:
    """Has its own data folder and database; `template` is a migrated database to start from."""

    def __init__(self, folder: Path, template: Path | None = None) -> None:
        self.data = folder / "var"
        self.database = self.data / "vms.sqlite3"
        self.log = folder / "log"
        own = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
        self.environ = own | {"VMS_DATA_DIR": str(self.data), "VMS_SEGMENT_SECONDS": "1"}
        self.data.mkdir(parents=True)
        if template is not None:
            shutil.copy(template, self.database)

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=PROJECT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def add_stream(self, url: str) -> int:
        return self.add_streams(url)[0]

    def add_streams(self, *urls: str) -> list[int]:
        """Add a camera with one stream for each address: one command, because commands are slow."""
        code = (
            "import json\n"
            "from cameras.models import Camera, Stream\n"
            f"for url in {urls!r}:\n"
            "    camera = Camera.objects.create(name='camera')\n"
            "    print(json.dumps(Stream.objects.create(camera=camera, url=url).pk))\n"
        )
        return [json.loads(line) for line in self.run("shell", "-v0", "-c", code).splitlines()]

    def change(self, sql: str, *values: object) -> None:
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as connection:
            connection.execute(sql, values)
            connection.commit()

    def start_recorder(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", "record"],
                cwd=PROJECT,
                env=self.environ,
                stdout=log,
                stderr=log,
                preexec_fn=tie_to_parent(),
            )

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as connection:
            return connection.execute(sql, values).fetchall()

    def segments(self, stream: int) -> list[Row]:
        rows = self.query(
            "SELECT s.begin, s.end, f.path, s.path, s.audio_codec FROM cameras_segment s "
            "JOIN cameras_archivefolder f ON f.id = s.folder_id "
            "WHERE s.stream_id = ? ORDER BY s.begin",
            stream,
        )
        return [Row(instant(r[0]), instant(r[1]), Path(r[2]) / r[3], r[4]) for r in rows]

    def stream(self, number: int) -> tuple[str, int]:
        """Return status and disconnections of a stream."""
        return self.query(
            "SELECT status, disconnections_count FROM cameras_stream WHERE id = ?", number
        )[0]

    def block(self, stream: int) -> None:
        """Put a file where the stream's folder should be, so that nothing can be recorded there."""
        [(text,)] = self.query("SELECT uuid FROM cameras_stream WHERE id = ?", stream)
        folder = self.data / "archive" / str(uuid.UUID(text))
        folder.parent.mkdir(exist_ok=True)
        folder.touch()

    def leftovers(self) -> list[Path]:
        """List what lies in the recorder's work folders, locks aside."""
        return [path for path in self.data.glob("archive/*/.recording/*") if path.name != "lock"]

    def stop_amid(self, recorder: subprocess.Popen[bytes], size: int) -> list[int]:
        """Have a recorder and its ffmpeg stand still while more than *size* bytes lie open.

        Else what is seen may be filed before they are killed. Returns ffmpeg's process ids.
        """
        while True:
            wait_until(lambda: self.is_amid(size), "a segment grows")
            stand_still([recorder.pid])
            helpers = children(recorder)
            stand_still(helpers)
            if self.is_amid(size):
                return helpers
            for pid in [*helpers, recorder.pid]:
                os.kill(pid, signal.SIGCONT)

    def is_amid(self, size: int) -> bool:
        """Say whether one segment is open, well begun, and the one before it is all done with."""
        media = [path for path in self.leftovers() if path.suffix == ".mp4"]
        if len(media) != 1:
            return False
        run, _, number = media[0].stem.rpartition("-")
        try:
            noted = json.loads(media[0].with_name(f"{run}.json").read_text())
            return noted["number"] == int(number) > 0 and media[0].stat().st_size > size
        except FileNotFoundError:  # filed meanwhile
            return False


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """List the processes started by any thread of *process*."""
    pids = []
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            pids += (task / "children").read_text().split()
    return [int(pid) for pid in pids]


def is_alive(pid: int) -> bool:
    return state_of(pid) not in {"", "Z"}


def stand_still(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: {state_of(pid) for pid in pids} <= {"T", "Z"}, "all stand still")


def state_of(pid: int) -> str:
    """Return the letter of proc(5) for what a process does, or nothing when it is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[0]


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Wait for what another process does; there is no event to wait for across processes."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < until, f"waited in vain until {what}"
        time.sleep(0.05)
