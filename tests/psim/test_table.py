"""Five containers, two codecs, three kinds of sound: ordered as PSIM clients do, played, counted.

Every file shows exactly the pictures of the interval, lasts as long as it within a picture, and is
decoded without a complaint by the ffmpeg that comes with the server and by Debian's 5.1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from cameras.demo.numbers import read_number
from downloads.tasks import make_next
from exports import storage
from exports.models import ExportJob
from exports.psim.bodies import FORMATS
from tests import factories
from tests.exports.test_containers import with_law
from tests.footage import BEGIN, Footage
from vms.media.ffmpeg import find_ffmpeg

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg]

# Both ends in the middle of a picture, the begin in that of a group of pictures or at its head; a
# segment ends between them.
WITHIN, AT_HEAD, TO = (BEGIN + timedelta(seconds=one) for one in (0.63, 1, 2.58))
FPS = 25
WIDTH, HEIGHT = 160, 90
CODECS, SOUNDS = ("H.264", "H.265"), ("AAC", "G.711", "silent")


@dataclass(frozen=True)
class Cell:
    """One file of the table."""

    form: str
    codec: str
    sound: str
    begin: datetime = WITHIN

    @property
    def name(self):
        place = "-at-head" if self.begin == AT_HEAD else ""
        return f"{self.form}-{self.codec}-{self.sound}{place}"

    @property
    def footage(self):
        return Footage(
            seconds=3,
            fps=FPS,
            gop=FPS,
            segment_seconds=2,
            codec={"H.264": "h264", "H.265": "hevc"}[self.codec],
            audio="aac" if self.sound == "AAC" else None,
        )


TABLE = [
    Cell(form, codec, sound) for codec in CODECS for sound in SOUNDS for form in FORMATS
]  # fmt: skip
# H.264 is copied from the head of a group on, whatever becomes of the sound.
COPIED = [Cell(form, "H.264", sound, AT_HEAD) for sound in SOUNDS[:2] for form in FORMATS]
EACH = pytest.mark.parametrize("cell", [pytest.param(one, id=one.name) for one in TABLE + COPIED])
DEBIANS = Path("/usr/bin/ffmpeg")
DURATION = re.compile(r"Duration: (\d+):(\d+):([\d.]+)")


@pytest.fixture(scope="module")
def archive(tmp_path_factory, footage_cache):
    """Make the segments of one codec and one sound, once."""
    made = {}

    def archive(cell):
        if (cell.codec, cell.sound) not in made:
            folder = tmp_path_factory.mktemp("archive")
            for path in cell.footage.make(folder):
                if cell.sound == "G.711":
                    written_at = path.stat().st_mtime  # not now: it would still be growing
                    os.utime(with_law(path, "pcm_alaw"), (written_at, written_at))
            made[cell.codec, cell.sound] = folder
        return made[cell.codec, cell.sound]

    return archive


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Files and jobs of cells that were ordered already, for whichever program plays them next."""
    return tmp_path_factory.mktemp("cells"), {}


@pytest.fixture
def ordered(kept, archive, psim, alice):
    """Order a cell of the table, and let a worker make it; gives the file and its job."""
    folder, made = kept

    def order(cell):
        if cell in made:
            return made[cell]
        camera = factories.camera(owner=alice)
        stream = factories.stream(camera)
        rows = factories.folder(stream, path=str(archive(cell)))
        assert scan_folder(rows, full=False, now=timezone.now()).indexed == 2
        client = psim(alice)
        times = (f"{moment:%Y-%m-%dT%H:%M:%S.%f}" for moment in (cell.begin, TO))
        answer = client.create(camera.pk, *times, Format=cell.form)
        make_next()
        status = client.status(answer.json()["ArchiveTaskId"]).json()
        assert status["State"] == "ReadyForDownload", status
        job = ExportJob.objects.get()
        file = folder / f"{cell.name}.{cell.form}"
        shutil.copyfile(storage.path_of(job.file), file)
        made[cell] = file, job
        return file, job

    return order


def play(program, path):
    """Decode pictures and sound of a file; gives the numbers shown and the length in seconds."""
    done = subprocess.run(
        [
            *(program, "-nostdin", "-hide_banner", "-loglevel", "level+info", "-i", path),
            *("-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "gray"),
            *("-f", "rawvideo", "pipe:1", "-map", "0:a?", "-f", "null", "-"),
        ],
        check=True,
        capture_output=True,
    )
    said = done.stderr.decode()
    assert "[error]" not in said, said
    assert "[fatal]" not in said, said
    pictures = np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH)
    hours, minutes, seconds = map(float, DURATION.search(said).groups())
    length = hours * 3600 + minutes * 60 + seconds
    return [read_number(picture) for picture in pictures], length, said


def assert_exact(program, cell, file, job):
    numbers, length, said = play(program, file)

    assert numbers == cell.footage.numbers_in(cell.begin, TO)
    # The first picture began before the interval; AVI shows the last one for its whole time too.
    told = job.duration.total_seconds()
    assert told == pytest.approx((TO - cell.begin).total_seconds(), abs=1 / FPS)
    assert length == pytest.approx(told, abs=1 / FPS)
    assert ("Audio:" in said.partition("Output #0")[0]) is (cell.sound != "silent")


@EACH
def test_is_exact_in_the_ffmpeg_of_the_server(cell, ordered):
    file, job = ordered(cell)

    assert_exact(find_ffmpeg(), cell, file, job)
    # What is encoded anew is said in words.
    assert bool(job.warnings) is (job.mode == "transcode"), job.warnings
    if cell.begin == AT_HEAD:
        assert not any("pictures" in words for words in job.warnings)
    if cell.codec == "H.265" and cell.form in {"flv", "asf", "avi"}:
        assert any("cannot hold H.265" in words for words in job.warnings)


def debians_version():
    if not DEBIANS.exists():
        return ""
    said = subprocess.run([DEBIANS, "-version"], check=True, capture_output=True, text=True).stdout
    return said.split()[2]


@EACH
def test_is_exact_in_the_ffmpeg_of_debian(cell, ordered):
    if not debians_version().startswith("5.1"):
        pytest.skip("Debian's ffmpeg 5.1 is not installed")
    file, job = ordered(cell)

    assert_exact(DEBIANS, cell, file, job)
