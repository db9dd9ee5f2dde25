"""A database restored from a backup, a disk that went on meanwhile: both agree by themselves.

Sockets of clients that saw more events than the restored ones: `tests/push/test_plain.py`.
"""

from __future__ import annotations

import os
import shutil
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from cameras.archive.scanner import scan_folder
from cameras.archive.watching import look_at_own_again
from cameras.tasks import scan_watched
from downloads.naming import link_path
from downloads.tasks import clean_up, make_next, reconcile
from exports.models import ExportJob
from tests import factories
from tests.footage import BEGIN, Footage

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg]

FOOTAGE = Footage()


@pytest.fixture
def stream():
    """A stream our recorder recorded: five files, of which the database knows the first three.

    Of a sixth one the database knows, but retention has deleted it since.
    """
    made = factories.stream(factories.camera())
    folder = factories.folder(made)
    folder.is_own = True
    folder.save()
    FOOTAGE.make(settings.ARCHIVE_DIR / str(made.pk))
    scan_folder(folder, full=False, now=timezone.now())
    for segment in made.segments.order_by("-begin")[:2]:
        segment.delete()
    deleted = made.segments.order_by("begin")[0]
    (settings.ARCHIVE_DIR / str(made.pk) / deleted.path).unlink()
    shutil.rmtree(settings.INDEX_DIR, ignore_errors=True)
    made.refresh_from_db()
    return made


@pytest.fixture(autouse=True)
def queue(valkey, broker):
    """A broker that runs, and is empty."""
    _process, url = valkey
    broker(url)


def beat_for_a_while():
    """Do what beat has done within minutes of a start."""
    look_at_own_again()  # as the recorder does when it starts
    for task in (reconcile, scan_watched, clean_up, make_next, reconcile):
        task()


def test_rows_and_files_of_the_archive_agree_again(stream):
    beat_for_a_while()
    indexed = set(stream.segments.values_list("path", flat=True))
    root = settings.ARCHIVE_DIR / str(stream.pk)
    assert indexed == {str(path.relative_to(root)) for path in root.rglob("*.mp4")}
    assert len(indexed) == 4


def test_exports_that_ran_then_are_made_and_their_indexes_with_them(alice, stream):
    begin = BEGIN + timedelta(seconds=9)
    running = factories.job(
        stream=stream,
        begin=begin,
        seconds=5,
        state="running",
        attempt=1,
        owner="long gone",
        heartbeat_at=timezone.now() - timedelta(days=1),
    )
    record = factories.download(alice, job=running)
    beat_for_a_while()
    running.refresh_from_db()
    assert (running.state, running.coverage["gaps"]) == ("ready", [])
    assert Client().head(link_path(record.secret, record.name)).status_code == 200
    assert any(path.is_file() for path in settings.INDEX_DIR.rglob("*"))


@pytest.mark.django_db(transaction=True)
def test_finished_files_the_restored_rows_promise_and_others(alice):
    """Gone since: the record expires when somebody asks. Made since: nobody knows it, it goes."""
    promised = factories.ready_download(alice)
    (settings.STORAGE_DIR / promised.job.file).unlink()
    kept = factories.ready_download(alice)
    unknown = settings.STORAGE_DIR / "ab" / f"{'ab' * 16}-1.mp4"
    half = settings.STORAGE_DIR / ".partial" / f"{'cd' * 16}-2.mp4"
    for path in (unknown, half):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"made after the backup")
        os.utime(path, (0, 0))
    beat_for_a_while()
    assert not unknown.exists()
    assert not half.exists()
    assert Client().get(link_path(promised.secret, promised.name)).status_code == 404
    assert Client().head(link_path(kept.secret, kept.name)).status_code == 200
    promised.job.refresh_from_db()
    assert promised.job.state == ExportJob.State.EXPIRED
