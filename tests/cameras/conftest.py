"""A camera, its stream, and folders of small real files for the archive's tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cameras.models import ArchiveFolder, Camera, Segment, Stream
from tests.cameras.site import Site
from vms.media.ffmpeg import find_ffmpeg

LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

PICTURE = "testsrc=size=160x90:rate=10"
CLIPS = {
    # name: output options; all last two seconds
    "plain.mp4": ["-an"],
    "sound.mp4": ["-c:a", "aac"],
    "fragmented.mp4": ["-an", "-movflags", "+frag_keyframe+delay_moov+default_base_moof"],
    "transport.ts": ["-an", "-f", "mpegts"],
    "only_sound.mp4": ["-vn", "-c:a", "aac"],
    "long.mp4": ["-an", "-t", "5"],
}


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """Make one clip of each kind, once a test process."""
    folder = tmp_path_factory.mktemp("clips")
    for name, options in CLIPS.items():
        length = [] if "-t" in options else ["-t", "2"]
        command = [
            *(str(find_ffmpeg()), "-v", "error", "-f", "lavfi", "-i", PICTURE),
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
            *(*options, *length, "-c:v", "libx264", "-preset", "ultrafast", "-g", "10"),
            str(folder / name),
        ]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=60)
    return folder


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """Make an empty database for sites to begin with."""
    site = Site(tmp_path_factory.mktemp("template"))
    site.run("migrate", "--verbosity", "0")
    return site.database


@pytest.fixture
def site(tmp_path, template) -> Site:
    return Site(tmp_path / "site", template)


@pytest.fixture
def put(clips) -> Callable[..., Path]:
    """Copy a clip to a path, as if it had been closed long ago (or at *closed_at*)."""

    def copy(path: Path, clip: str = "plain.mp4", closed_at: datetime = LONG_AGO) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clips / clip, path)
        os.utime(path, (closed_at.timestamp(), closed_at.timestamp()))
        return path

    return copy


@pytest.fixture
def camera(db) -> Camera:
    return Camera.objects.create(name="Front Yard")


@pytest.fixture
def stream(camera) -> Stream:
    return Stream.objects.create(camera=camera, type=Stream.Type.HIGH)


@pytest.fixture
def folder(stream, tmp_path) -> ArchiveFolder:
    path = tmp_path / "recordings"
    path.mkdir()
    return ArchiveFolder.objects.create(
        stream=stream, path=str(path), layout="%Y%m%dT%H%M%S.%fZ.mp4"
    )


@pytest.fixture
def add_segment() -> Callable[..., Segment]:
    """Make a row without a file."""

    def add(folder: ArchiveFolder, begin: datetime, end: datetime, **fields) -> Segment:
        stream = folder.stream
        stream.longest_segment = max(stream.longest_segment, end - begin)
        stream.save()
        facts = {
            "path": f"{begin:%Y%m%dT%H%M%S.%fZ}.mp4",
            "size": 1000,
            "mtime_ns": 1,
            "video_codec": "h264",
            "width": 160,
            "height": 90,
            "config": "c",
        }
        return Segment.objects.create(
            stream=stream, folder=folder, begin=begin, end=end, **{**facts, **fields}
        )

    return add
