"""A bucket whose server answers 500, is slow, or breaks off while a file is uploaded."""

from __future__ import annotations

import pytest
from django.utils import timezone

from exports import housekeeping, storage
from exports.models import ExportJob
from tests.chaos.faults_workers import orders
from tests.chaos.site import dice, kill
from tests.running import wait_until
from tests.s3 import Fault, bucket_settings, keys, uploads

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]

ALWAYS = 10**6


@pytest.fixture
def store(site, bucket, s3_proxy):
    """Workers that keep finished files in the bucket, behind the proxy."""
    values = bucket_settings(s3_proxy.port)
    site.extra = {name: str(value) for name, value in values.items()}
    return bucket


def start(site):
    site.start_upkeep()
    site.start_beat()
    return site.start_worker()


def settle(site, store, s3_proxy):
    """Clean up once: what the bucket has is what rows name, and no upload is half done."""
    site.wait_until_ended()
    s3_proxy.faults.clear()
    s3_proxy.released.set()
    site.stop()
    housekeeping.remove_strays(timezone.now() + 2 * storage.GRACE)
    ready = ExportJob.objects.filter(state="ready").values_list("file", flat=True)
    assert sorted(keys(store)) == sorted(f"files/{name}" for name in ready)
    assert uploads(store) == []


@pytest.mark.parametrize(
    ("kind", "share"),
    [("500", 0.3), ("slow", 0.5), ("drop request", 0.3), ("lose answer", 0.3), ("hang", 0.1)],
)
def test_store(site, stream, alice, survived, store, s3_proxy, kind, share):
    if kind == "hang":
        site.extra["VMS_S3_TIMEOUT_SECONDS"] = "1"
    rolls = dice(8)
    s3_proxy.faults.append(Fault(lambda _method, _path: rolls.random() < share, kind, ALWAYS))
    start(site)
    orders(site, alice, stream, 6)
    settle(site, store, s3_proxy)
    row = survived()
    assert row.right + row.failed_with_cause == row.asked == 6
    assert row.right


def test_store_away_for_a_while(site, stream, alice, survived, store, s3_proxy):
    site.extra["VMS_EXPORT_MAX_ATTEMPTS"] = "2"
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", ALWAYS))
    start(site)
    orders(site, alice, stream, 4)
    site.wait_until_ended()
    codes = ExportJob.objects.filter(state="failed").values_list("error_code", flat=True)
    assert set(codes) == {"storage_failed"}
    s3_proxy.faults.clear()
    orders(site, alice, stream, 4)
    settle(site, store, s3_proxy)
    row = survived()
    assert (row.right, row.failed_with_cause) == (4, 4)


def test_worker_killed_while_it_uploads(site, stream, alice, survived, store, s3_proxy):
    def is_upload(method, path):
        return method == "PUT" and "partNumber" in path

    s3_proxy.faults.append(Fault(is_upload, "hang", times=2))
    worker = start(site)
    orders(site, alice, stream, 6)
    wait_until(lambda: any(is_upload(*asked) for asked in s3_proxy.asked))
    kill(worker.pid)
    site.start_worker()
    settle(site, store, s3_proxy)
    row = survived()
    assert (row.asked, row.right) == (6, 6)
