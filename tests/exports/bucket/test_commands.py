"""`doctor` and `check_storage` where finished files are in a bucket."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from exports import storage
from exports.models import ExportJob
from exports.stores.choice import current_store
from tests import factories
from tests.s3 import BUCKET, SECRET, Fault, keys, uploads
from vms.ops import readiness
from vms.ops.diagnosis import Level
from vms.ops.diagnosis import bucket as look_at_bucket

pytestmark = [pytest.mark.django_db, pytest.mark.processes]


def check(*arguments):
    out = io.StringIO()
    try:
        call_command("check_storage", *arguments, stdout=out, no_color=True)
    except SystemExit as end:
        return int(end.code), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def ready(bucket):
    done = factories.finish(factories.job())
    path = storage.path_of(done.file)
    bucket.put_object(Bucket=BUCKET, Key=f"files/{done.file}", Body=path.read_bytes())
    path.unlink()
    return done


def test_finds_that_rows_and_bucket_agree(ready):
    assert check("--hash") == (0, "Rows and files agree; 0 differences fixed.\n")


def test_names_and_fixes_a_row_without_a_file(ready, bucket):
    bucket.delete_object(Bucket=BUCKET, Key=f"files/{ready.file}")

    code, said = check()
    assert (code, "its file is not there" in said) == (1, True)
    assert check("--fix")[0] == 0
    assert ExportJob.objects.get(pk=ready.pk).state == "expired"


def test_names_and_removes_a_file_with_other_bytes(ready, bucket):
    bucket.put_object(Bucket=BUCKET, Key=f"files/{ready.file}", Body=bytes(ready.size))

    assert check()[0] == 0
    assert check("--hash", "--fix")[0] == 0
    assert keys(bucket) == []


def test_names_and_removes_uploads_nobody_finished(ready, bucket):
    key = f"files/ab/{'ab' * 16}-1.mp4"
    bucket.create_multipart_upload(Bucket=BUCKET, Key=key)

    assert "a file no job knows" in check()[1]
    assert check("--fix")[0] == 0
    assert uploads(bucket) == []
    assert keys(bucket) == [f"files/{ready.file}"]


def test_takes_nothing_for_lost_while_the_bucket_is_away(ready, s3_proxy):
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=99))
    with pytest.raises(CommandError, match="cannot be asked: the bucket does not answer"):
        check("--fix")
    assert ExportJob.objects.get(pk=ready.pk).state == "ready"


def test_doctor_asks_the_bucket(bucket, s3_proxy, settings):
    [finding] = look_at_bucket()
    assert (finding.level, finding.subject) == (Level.OK, "bucket")
    assert finding.value == f"{BUCKET} at 127.0.0.1:{s3_proxy.port}, answers"

    settings.VMS = {**settings.VMS, "VMS_S3_BUCKET": "another-bucket"}
    [finding] = look_at_bucket()
    assert (finding.level, "there is no such bucket" in finding.value) == (Level.WRONG, True)
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=99))
    [finding] = look_at_bucket()
    assert "does not answer" in finding.value
    assert SECRET not in f"{finding}{current_store()}"


def test_doctor_says_nothing_of_a_bucket_nobody_has():
    assert list(look_at_bucket()) == []


def storage_part(client):
    readiness.bucket.cache_clear()
    try:
        return client.get("/readyz").json()["parts"]["storage"]
    finally:
        readiness.bucket.cache_clear()


def test_readyz_asks_the_bucket(bucket, client, s3_proxy, settings):
    assert storage_part(client) == "ok"
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=2))
    said = storage_part(client)
    assert said == "Finished files cannot be kept: the bucket does not answer: status 500."
    settings.VMS = {**settings.VMS, "VMS_S3_BUCKET": "another-bucket"}
    current_store().requests.away_until = 0
    assert storage_part(client) == "Finished files cannot be kept: there is no such bucket."


def test_readyz_asks_the_bucket_once_for_many_probes(bucket, s3_proxy):
    readiness.bucket.cache_clear()
    assert [readiness.bucket(1) for _ in range(9)] == ["ok"] * 9
    readiness.bucket.cache_clear()
    assert len(s3_proxy.asked) == 1
