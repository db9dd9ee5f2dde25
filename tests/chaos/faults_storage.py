"""Finished files that go, or do not go, while somebody wants them."""

from __future__ import annotations

import hashlib
import threading
import urllib.request
from contextlib import suppress
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from downloads import services
from downloads.models import Download
from downloads.naming import link_path
from downloads.tasks import clean_up
from exports.models import ExportJob
from tests import factories
from tests.chaos.site import scaled
from tests.running import wait_until
from vms.api.errors import InvalidData
from vms.push.publish import record_event

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]

MEGABYTE = 2**20
# More than what lies between a server and a client that does not read.
LARGE = bytes(range(256)) * 4096 * 32


def told(download):
    """Let a record of a factory count as announced."""
    body = {"type": "archive_generated", "data": {"download": {"id": download.pk}}}
    record_event(user_id=download.user_id, session_id="", body=body, now=timezone.now())
    return download


def address(web, download):
    return web.url + link_path(download.secret, download.name)


def make_due(jobs, *, downloads=True):
    now = timezone.now()
    ExportJob.objects.filter(pk__in=[job.pk for job in jobs]).update(expires_at=now)
    if downloads:
        Download.objects.filter(job__in=jobs).update(expires_at=now)


def test_clean_up_while_a_file_is_read(site, alice, survived):
    """Who began to read in time reads to the end; who comes later finds nothing."""
    download = told(factories.ready_download(alice, content=LARGE))
    _process, web = site.start_web()
    with urllib.request.urlopen(address(web, download)) as answer:
        digest = hashlib.sha256(answer.read(MEGABYTE))
        make_due([download.job])
        clean_up()
        assert ExportJob.objects.get().state == "expired"
        assert not (settings.STORAGE_DIR / download.job.file).exists()
        while block := answer.read(MEGABYTE):
            digest.update(block)
    assert digest.hexdigest() == download.job.sha256
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address(web, download))
    assert survived(None).right == 1


def test_web_killed_during_a_download_and_the_client_resumes(site, alice, survived):
    download = told(factories.ready_download(alice, content=LARGE))
    process, web = site.start_web()
    answer = urllib.request.urlopen(address(web, download))
    tag, got = answer.headers["ETag"], answer.read(MEGABYTE)
    process.kill()
    process.wait()
    with suppress(OSError), answer:
        while block := answer.read(MEGABYTE):
            got += block
    assert len(got) < len(LARGE)
    site.start_web(web.port)
    request = urllib.request.Request(address(web, download))
    request.add_header("Range", f"bytes={len(got)}-")
    request.add_header("If-Range", tag)
    with urllib.request.urlopen(request) as rest:
        assert rest.status == 206
        got += rest.read()
    assert got == LARGE
    assert survived(None).right == 1


def test_clean_up_while_repeats_start(site, stream, alice, survived):
    """Whoever comes first: the record ends with a file that is there."""
    site.start_worker()
    made = [site.order(alice, stream, 0.3 * number, 0.3 * number + 3) for number in range(12)]
    site.wait_until_ended()
    make_due([download.job for download in made], downloads=False)
    start = threading.Barrier(3)

    def clean():
        start.wait()
        clean_up()
        connection.close()

    def repeat(some):
        start.wait()
        for download in some:
            with suppress(InvalidData):
                services.repeat(Download.objects.get(pk=download.pk), alice, timezone.now())
        connection.close()

    factories.grant(alice, stream.camera)
    work = [threading.Thread(target=clean)]
    work += [threading.Thread(target=repeat, args=(made[half::2],)) for half in range(2)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    site.start_upkeep()
    site.start_beat()
    site.wait_until_ended()
    assert set(Download.objects.values_list("job__state", flat=True)) == {"ready"}
    row = survived(pushes=2)
    assert (row.asked, row.right) == (12, 12)


def test_1000_files_whose_time_has_come_at_once(site, alice, survived):
    jobs = [factories.job(state="ready") for _ in range(scaled(1000))]
    root = settings.STORAGE_DIR
    (root / ".partial").mkdir()
    for job in jobs:
        job.file = f"{job.pk.hex[:2]}/{job.pk.hex}-1.mp4"
        job.attempt, job.size = 1, 1000
        job.expires_at = timezone.now() - timedelta(seconds=1)
        (root / job.file).parent.mkdir(exist_ok=True)
        (root / job.file).write_bytes(b"x" * 1000)
    ExportJob.objects.bulk_update(jobs, ["file", "attempt", "size", "expires_at"])
    for job in jobs[:20]:
        told(factories.download(alice, job=job, announced_at=timezone.now()))
    kept = told(factories.ready_download(alice))
    for _ in range(2):
        site.start_upkeep()
        site.start_beat()
    due = ExportJob.objects.filter(state="ready").exclude(pk=kept.job.pk)
    wait_until(lambda: not due.exists())
    wait_until(lambda: len(list(root.rglob("*.mp4"))) == 1)
    row = survived(None)
    assert (row.asked, row.right) == (21, 21)
