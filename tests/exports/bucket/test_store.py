"""Finished files in a bucket, against moto's server."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from datetime import timedelta
from itertools import count
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from django.utils import timezone

from exports import storage
from exports.errors import Cancelled, StorageFailed
from exports.stores import upload
from exports.stores.base import LinkAnswer, StorageAway
from exports.stores.bucket import BucketStore
from exports.stores.choice import current_store
from tests.s3 import BUCKET, KEY_ID, SECRET, Fault, bucket_settings, keys, uploads

pytestmark = pytest.mark.processes

STEM = f"{'ab' * 16}-1"
NAME = f"ab/{STEM}.mp4"
KEY = f"files/{NAME}"
PART_BYTES = 2**16
CONTENT = os.urandom(PART_BYTES * 2 + 2**13)  # three parts, the last one shorter
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ANSWER = LinkAnswer("video/mp4", "attachment; filename*=UTF-8''%D0%94.mp4")


def beside(_size, work):
    work()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(upload, "PART_BYTES", PART_BYTES)


@pytest.fixture
def partial():
    path = storage.partial_path(STEM, "mp4")
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def store(bucket):
    return current_store()


def publish(store, partial, beside=beside, sha256=SHA256):
    return store.publish(partial, NAME, beside, lambda _path: sha256)


def is_upload(method, path):
    return method == "PUT" and "partNumber" in path


def content_of(bucket, key=KEY):
    return bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()


# --- publishing ---


def test_uploads_a_file_part_by_part(store, bucket, partial, s3_proxy):
    assert publish(store, partial) == SHA256

    assert content_of(bucket) == CONTENT
    assert sum(is_upload(*asked) for asked in s3_proxy.asked) == 3
    assert s3_proxy.largest_body == PART_BYTES
    assert uploads(bucket) == []
    # The server's own checksum was enough: nothing was read back.
    assert not any(method == "GET" for method, _path in s3_proxy.asked)


def test_uploads_an_empty_file(store, bucket, partial):
    partial.write_bytes(b"")
    publish(store, partial, sha256=hashlib.sha256(b"").hexdigest())

    assert content_of(bucket) == b""


def test_sends_each_part_beside_the_beat(store, partial):
    sizes = []

    def noting(size, work):
        sizes.append(size)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    publish(store, partial, noting)
    assert sizes.count(PART_BYTES) == 3


def test_reads_back_what_a_server_without_checksums_keeps(store, partial, s3_proxy):
    s3_proxy.without_checksums = True
    publish(store, partial)

    assert sum(method == "GET" for method, _path in s3_proxy.asked) >= 1


def test_finds_in_reading_back_that_the_server_keeps_something_else(
    store, bucket, partial, s3_proxy
):
    s3_proxy.without_checksums = True
    s3_proxy.faults.append(Fault(is_upload, "corrupt"))
    with pytest.raises(StorageFailed):
        publish(store, partial)
    assert keys(bucket) == []


def test_publishes_nothing_but_what_was_verified(store, bucket, partial):
    """A disk that reads otherwise than it was written to is found out."""
    with pytest.raises(StorageFailed):
        publish(store, partial, sha256=hashlib.sha256(b"other").hexdigest())
    assert (keys(bucket), uploads(bucket)) == ([], [])


def test_splits_large_files_into_few_enough_parts():
    for size in (1, 10**9, 5 * 10**12):
        parts = upload.Parts(size)
        assert parts.count <= 10_000
        assert parts.count * parts.part_bytes >= size


# --- faults ---


@pytest.mark.parametrize("kind", ["500", "drop request", "lose answer"])
@pytest.mark.parametrize("step", ["uploads", "partNumber=2", "uploadId="])
def test_tries_again_what_failed_once(store, bucket, partial, s3_proxy, kind, step):
    methods = {"uploads": "POST", "partNumber=2": "PUT", "uploadId=": "POST"}
    fault = Fault(lambda method, path: method == methods[step] and step in path, kind)
    s3_proxy.faults.append(fault)

    publish(store, partial)
    assert fault.met == 1
    assert content_of(bucket) == CONTENT
    assert uploads(bucket) == (
        ["files/" + NAME] if (step, kind) == ("uploads", "lose answer") else []
    )


@pytest.mark.parametrize("kind", ["500", "drop request", "lose answer"])
@pytest.mark.parametrize("step", ["partNumber=2", "uploadId="])
def test_fails_clearly_and_leaves_nothing(store, bucket, partial, s3_proxy, kind, step):
    method = "POST" if step == "uploadId=" else "PUT"
    concerns = lambda asked, path: asked == method and step in path  # noqa: E731
    s3_proxy.faults.append(Fault(concerns, kind, times=99))
    if (step, kind) == ("uploadId=", "lose answer"):
        # The file was put together; unless that can be seen, it is taken away again.
        s3_proxy.faults.append(Fault(lambda asked, _path: asked == "HEAD", "500", times=99))

    with pytest.raises(StorageFailed) as failure:
        publish(store, partial)
    assert (
        failure.value.message == "The server cannot write to its storage; its operator has to look."
    )
    assert (keys(bucket), uploads(bucket)) == ([], [])


def test_gives_up_on_a_server_that_never_answers(store, bucket, partial, s3_proxy, settings):
    settings.VMS = {**settings.VMS, "VMS_S3_TIMEOUT_SECONDS": 3}
    s3_proxy.faults.append(Fault(is_upload, "hang", times=99))

    with pytest.raises(StorageFailed):
        publish(current_store(), partial)
    assert (keys(bucket), uploads(bucket)) == ([], [])


def test_aborts_when_nobody_wants_the_file_any_more(store, bucket, partial):
    calls = []

    def cancelled(size, work):
        calls.append(size)
        if len(calls) == 3:
            raise Cancelled
        work()

    with pytest.raises(Cancelled):
        publish(store, partial, cancelled)
    assert (keys(bucket), uploads(bucket)) == ([], [])


def test_removes_what_was_whole_when_the_wish_went_last(store, bucket, partial):
    def cancelled(size, work):
        work()
        if size == len(CONTENT):
            raise Cancelled

    with pytest.raises(Cancelled):
        publish(store, partial, cancelled)
    assert (keys(bucket), uploads(bucket)) == ([], [])


def test_says_nothing_secret_when_it_fails(store, partial, s3_proxy, capfd):
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=999))
    with pytest.raises(StorageFailed) as failure:
        publish(store, partial)
    with pytest.raises(StorageAway) as away:
        store.exists(NAME)

    said = f"{failure.value!r}{away.value!r}{store.place!r}" + "".join(capfd.readouterr())
    for secret in (SECRET, "X-Amz-Signature", "Credential="):
        assert secret not in said


# --- finding, reading, removing ---


@pytest.fixture
def kept(bucket):
    bucket.put_object(Bucket=BUCKET, Key=KEY, Body=CONTENT)


def test_reads_any_part(store, kept):
    file = store.open(NAME)
    assert file.size == len(CONTENT)
    for begin, end in ((0, 10), (10, 10), (len(CONTENT) - 7, len(CONTENT)), (5, 100_000)):
        file.start(begin, end)
        blocks = []
        while block := file.read(2**15):
            assert len(block) <= 2**15
            blocks.append(block)
        assert b"".join(blocks) == CONTENT[begin:end]
    file.close()


def test_goes_on_reading_where_the_server_broke_off(store, kept, s3_proxy):
    s3_proxy.faults.append(Fault(lambda method, _path: method == "GET", "drop answer", times=2))
    file = store.open(NAME)
    file.start(100, len(CONTENT))
    blocks = []
    while block := file.read(2**15):
        blocks.append(block)
    assert b"".join(blocks) == CONTENT[100:]


def test_goes_on_reading_though_others_found_the_server_away_a_moment_ago(store, kept, s3_proxy):
    file = store.open(NAME)
    file.start(0, len(CONTENT))
    begun = file.read(10)
    s3_proxy.faults.append(Fault(lambda method, _path: method == "HEAD", "500"))
    with pytest.raises(StorageAway):
        store.exists(NAME)
    file.answer.close()  # what a server that is started again does to all who read
    assert begun + file.read(10) == CONTENT[:20]
    file.close()


def test_ends_reading_when_the_server_is_away(store, kept, s3_proxy):
    file = store.open(NAME)
    file.start(0, len(CONTENT))
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=99))
    with pytest.raises(StorageAway):
        file.read(10)


def test_tells_what_is_missing_from_what_is_away(store, kept, s3_proxy, bucket, settings):
    assert store.exists(NAME)
    assert not store.exists(f"cd/{'cd' * 16}-1.mp4")
    with pytest.raises(FileNotFoundError):
        store.open(f"cd/{'cd' * 16}-1.mp4")
    settings.VMS = {**settings.VMS, "VMS_S3_BUCKET": "another-bucket"}
    with pytest.raises(StorageAway, match="no such bucket"):
        current_store().exists(NAME)


def test_does_not_wait_for_each_file_of_a_server_that_is_away(store, s3_proxy):
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=99))
    for _ in range(20):
        with pytest.raises(StorageAway):
            store.delete(NAME)
    assert len(s3_proxy.asked) == 2  # the attempts of one


def test_deletes_a_file_and_forgives_that_it_is_gone(store, kept, bucket):
    store.delete(NAME)
    store.delete(NAME)
    assert keys(bucket) == []


def test_lists_old_files_of_ours_and_no_others(store, kept, bucket, settings):
    settings.STORAGE_DIR.joinpath(".partial").mkdir()
    begun = f"cd/{'cd' * 16}-2.mp4"
    bucket.create_multipart_upload(Bucket=BUCKET, Key=f"files/{begun}")
    for foreign in ("files/holiday.mp4", f"other/{NAME}", f"files/cd/{STEM}.mp4"):
        bucket.put_object(Bucket=BUCKET, Key=foreign, Body=b"not ours")
    left = storage.partial_path(f"{'ef' * 16}-1", "mp4")
    left.write_bytes(b"left")

    later = timezone.now() + timedelta(minutes=1)
    upload = f".upload/{'cd' * 16}-2.mp4"
    assert store.strays(later) == [f".partial/{left.name}", upload, NAME]
    assert store.strays(later - timedelta(hours=1)) == [upload]  # moto: all uploads began in 2010
    assert [(file.name, file.size) for file in store.files()] == [(NAME, len(CONTENT))]
    for name in store.strays(later):
        store.remove_stray(name)
    assert sorted(keys(bucket)) == sorted(
        ["files/holiday.mp4", f"other/{NAME}", f"files/cd/{STEM}.mp4"]
    )
    assert uploads(bucket) == []
    assert not left.exists()


# --- links ---


def amazons_link(client):
    return client.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": BUCKET,
            "Key": KEY,
            "ResponseCacheControl": "private, no-transform",
            "ResponseContentDisposition": ANSWER.content_disposition,
            "ResponseContentType": ANSWER.content_type,
        },
        ExpiresIn=77,
    )


def in_one_second(one, other):
    """Return what both give within one second of the clock: links name the second they are of."""
    while True:
        before, found = other(), one()
        if before == other():
            return found, before


def test_signs_links_as_amazon_does(store, settings):
    """moto believes every signature; what the makers of the protocol sign is the measure."""
    for addressing in ("path", "virtual"):
        for own in ("https://s3.example.org:9000", None):
            values = bucket_settings(1) | {
                "VMS_S3_ADDRESSING": addressing,
                "VMS_S3_ENDPOINT_URL": own,
                "VMS_S3_REGION": "eu-central-1",
            }
            settings.VMS = {**settings.VMS, **values}
            client = boto3.client(
                "s3",
                endpoint_url=own,
                region_name="eu-central-1",
                aws_access_key_id=KEY_ID,
                aws_secret_access_key=SECRET,
                config=Config(s3={"addressing_style": addressing}, signature_version="s3v4"),
            )
            ours, theirs = in_one_second(
                lambda: parsed(current_store().link(NAME, "GET", 77, ANSWER)),
                lambda client=client: parsed(amazons_link(client)),
            )
            assert ours == theirs, (addressing, own)


def parsed(link):
    address, _, query = link.partition("?")
    return address, dict(parse_qsl(query))


def test_signs_with_one_key_while_the_machine_gets_another(store):
    """The key of a role is made anew every few hours, between any two looks at it."""
    numbers = count()

    def renewed():
        number = next(numbers)
        end = (timezone.now() + timedelta(minutes=1)).isoformat()  # so soon that it is renewed
        return {
            "access_key": f"key-{number}",
            "secret_key": f"secret-{number}",
            "token": f"token-{number}",
            "expiry_time": end,
        }

    ours = BucketStore(store.place)
    ours.requests.credentials = RefreshableCredentials.create_from_metadata(
        renewed(), renewed, "a role"
    )
    _address, said = parsed(ours.link(NAME, "GET", 10, ANSWER))
    key, token = said["X-Amz-Credential"].partition("/")[0], said["X-Amz-Security-Token"]
    assert key.removeprefix("key-") == token.removeprefix("token-")


def test_is_away_without_a_key(bucket, settings, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "half of a key")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    none = {"VMS_S3_ACCESS_KEY_ID": None, "VMS_S3_SECRET_ACCESS_KEY": None}
    settings.VMS = {**settings.VMS, **none}
    store = current_store()
    with pytest.raises(StorageAway, match="no key for the bucket"):
        store.delete(NAME)
    with pytest.raises(StorageAway, match="no key for the bucket"):
        store.strays(timezone.now())
    assert "no key" in store.problem()


def test_leads_clients_to_the_address_they_know(store, settings):
    settings.VMS = {**settings.VMS, "VMS_S3_LINK_ENDPOINT_URL": "https://files.example.org"}
    link = current_store().link(NAME, "GET", 10, ANSWER)
    assert link.startswith(f"https://files.example.org/{BUCKET}/{KEY}?")


def test_says_what_is_wrong_with_the_bucket(store, s3_proxy, settings):
    assert store.problem() is None
    s3_proxy.faults.append(Fault(lambda _method, _path: True, "500", times=2))
    assert store.problem() == "the bucket does not answer: status 500"
    settings.VMS = {**settings.VMS, "VMS_S3_BUCKET": "another-bucket"}
    assert current_store().problem() == "there is no such bucket"


def test_is_one_store_in_one_process(store):
    assert isinstance(store, BucketStore)
    assert current_store() is store


def run(code, port, **values):
    """Run *code* in a process that has the bucket's settings; gives what it wrote."""
    values = {name: str(value) for name, value in (bucket_settings(port) | values).items()}
    environment = {**os.environ, **values, "DJANGO_SETTINGS_MODULE": "vms.settings"}
    begin = "import django\ndjango.setup()\n"
    return subprocess.run(
        [sys.executable, "-c", begin + code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_logs_nothing_secret_at_any_level(partial, bucket, s3_proxy, tmp_path):
    s3_proxy.faults.append(Fault(is_upload, "500"))
    code = (
        "import logging, structlog\n"
        "from pathlib import Path\n"
        "from exports.stores.choice import current_store\n"
        "logging.getLogger('vms').debug('this is shown')\n"
        f"def beside(size, work): work()\n"
        f"partial = Path({str(partial)!r})\n"
        f"current_store().publish(partial, {NAME!r}, beside, lambda path: {SHA256!r})\n"
        f"current_store().exists({NAME!r})\n"
    )
    result = run(code, s3_proxy.port, VMS_LOG_LEVEL="DEBUG", VMS_DATA_DIR=tmp_path / "data")
    assert (result.returncode, "this is shown" in result.stderr) == (0, True), result.stderr
    assert keys(bucket) == [KEY]
    for secret in (SECRET, KEY_ID, "X-Amz-", "Signature"):
        assert secret not in result.stdout + result.stderr


def test_costs_processes_that_upload_nothing_little(kept, s3_proxy, tmp_path):
    """What a web process does: no client of boto3, which takes 20 MB."""
    look = (
        "import sys\n"
        "from exports.stores.choice import current_store\n"
        "from exports.stores.base import LinkAnswer\n"
        "store = current_store()\n"
        f"file = store.open({NAME!r})\n"
        "file.start(0, 10)\n"
        "file.read(10)\n"
        f"store.link({NAME!r}, 'GET', 10, LinkAnswer('a', 'b'))\n"
        f"store.delete({NAME!r})\n"
        "print({'boto3', 'storages', 'botocore.client'} & set(sys.modules))\n"
    )
    result = run(look, s3_proxy.port, VMS_DATA_DIR=tmp_path / "data")
    assert result.stdout == "set()\n", result.stdout + result.stderr
