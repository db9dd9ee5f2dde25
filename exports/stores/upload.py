"""Uploading to a bucket part by part, so that a file is there whole or not at all, and checked.

The server is told the SHA-256 of each part and refuses one that arrived otherwise. Afterwards its
own checksum of the whole is compared; a server without one has the file read back.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from exports.errors import NoRoom, StorageFailed
from exports.stores.base import Beside, StorageAway, StoredFile
from exports.stores.place import Place
from exports.stores.signed import CONNECT_SECONDS, OpenedInBucket, SignedRequests

log = structlog.get_logger(__name__)

# Source: Amazon S3 User Guide, "Multipart upload limits": 5 MiB at least, 10,000 parts at most.
PART_BYTES = 8 * 2**20
MOST_PARTS = 9_000
MEBI = 2**20
FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"}
KNOWS_NO_CHECKSUMS = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED}
REFUSED = "The server cannot write to its storage; its operator has to look."
DIFFERS = "What the storage keeps is not what was made; try again later."


@cache
def uploads_to(place: Place, requests: SignedRequests) -> Uploads:
    return Uploads(place, requests)


class Uploads:
    """Uploads to one bucket, and lists of it; the client is made once in a process."""

    def __init__(self, place: Place, requests: SignedRequests) -> None:
        self.place = place
        self.requests = requests
        self.client: Any = S3Storage(
            bucket_name=place.bucket,
            endpoint_url=place.endpoint,
            region_name=place.region,
            access_key=place.key_id,
            secret_key=place.secret,
            verify=str(place.ca_file) if place.ca_file else None,
            client_config=client_config(place),
        ).connection.meta.client

    # --- one file ---

    def upload(self, partial: Path, name: str, sha256: str, beside: Beside) -> None:
        """Upload a file and see that the bucket has it as it was made.

        Raises:
            NoRoom, StorageFailed: it is not there; what *beside* raises leaves nothing either.
        """
        key = self.place.key(name)
        try:
            with partial.open("rb") as file:
                parts = self.send(file, partial.stat().st_size, key, beside)
            self.check(name, parts, sha256, beside)
        except (ClientError, BotoCoreError) as error:
            self.withdraw(name)
            raise failed(error) from None  # its text may hold an address that is signed
        except BaseException:
            self.withdraw(name)
            raise

    def send(self, file: BinaryIO, size: int, key: str, beside: Beside) -> Parts:
        """Send all parts and have them put together; an upload that fails is aborted."""
        sent = Parts(size)
        upload: dict[str, str] = {}
        beside(0, lambda: upload.update(self.begin(key)))
        try:
            for number in range(1, sent.count + 1):
                beside(sent.part_bytes, lambda: self.send_part(file, upload, number, sent))  # noqa: B023 - done when it returns
            beside(size, lambda: self.put_together(upload, sent))
        except BaseException:
            self.abort(self.place.name(key), upload["UploadId"])
            raise
        return sent

    def begin(self, key: str) -> dict[str, str]:
        """Begin an upload, with checksums where the server knows them."""
        where = {"Bucket": self.place.bucket, "Key": key}
        try:
            begun = self.client.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")
        except ClientError as error:
            if status_of(error) not in KNOWS_NO_CHECKSUMS:
                raise
            begun = self.client.create_multipart_upload(**where)
        return {**where, "UploadId": begun["UploadId"]}

    def send_part(self, file: BinaryIO, upload: dict[str, str], number: int, sent: Parts) -> None:
        block = file.read(sent.part_bytes)
        checksum = sent.add(block)
        answer = self.client.upload_part(
            **upload, PartNumber=number, Body=block, ChecksumSHA256=checksum
        )
        sent.tags.append(
            {"PartNumber": number, "ETag": answer["ETag"]}
            | ({"ChecksumSHA256": checksum} if answer.get("ChecksumSHA256") else {})
        )

    def put_together(self, upload: dict[str, str], sent: Parts) -> None:
        try:
            self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent.tags})
        except ClientError as error:
            # Said twice, when the first answer was lost: whether the file is there is seen next.
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise

    def check(self, name: str, sent: Parts, sha256: str, beside: Beside) -> None:
        """Compare what was sent, and the server's checksum of it, or read the file back.

        Raises:
            StorageFailed: it is another file, or none.
        """
        if sent.sha256 != sha256:
            raise StorageFailed(DIFFERS)
        found: dict[str, Any] = {}
        where = {"Bucket": self.place.bucket, "Key": self.place.key(name)}
        beside(0, lambda: found.update(self.client.head_object(**where, ChecksumMode="ENABLED")))
        if found["ContentLength"] != sent.size:
            raise StorageFailed(DIFFERS)
        # Some servers leave out how many parts it is of.
        if found.get("ChecksumSHA256", "").partition("-")[0] == sent.checksum:
            return
        log.info("the bucket has no checksum of a file; reading it back", size=sent.size)
        if self.read_back(name, sent, beside) != sha256:
            raise StorageFailed(DIFFERS)

    def read_back(self, name: str, sent: Parts, beside: Beside) -> str:
        digest = hashlib.sha256()
        file = OpenedInBucket(self.requests, name, sent.size)

        def read() -> None:
            left = sent.part_bytes
            while left > 0 and (block := file.read(min(MEBI, left))):
                digest.update(block)
                left -= len(block)

        file.start(0, sent.size)
        try:
            while file.position < sent.size:
                beside(sent.part_bytes, read)
        finally:
            file.close()
        return digest.hexdigest()

    def withdraw(self, name: str) -> None:
        """Remove what may be there after all; if it stays, it is a stray."""
        with suppress(StorageAway):
            self.requests.ask("DELETE", name, attempts=1)

    def abort(self, name: str, upload_id: str) -> None:
        """Drop the parts of an upload; if they stay, they are a stray."""
        with suppress(StorageAway):
            self.requests.ask("DELETE", name, parameters={"uploadId": upload_id}, attempts=1)

    # --- all files ---

    def objects(self) -> Iterator[StoredFile]:
        """List whole files by name without our prefix."""
        pages = self.pages("list_objects_v2")
        for found in (found for page in pages for found in page.get("Contents", ())):
            yield StoredFile(self.place.name(found["Key"]), found["Size"], found["LastModified"])

    def unfinished(self) -> Iterator[StoredFile]:
        """List uploads that were neither put together nor aborted; their size is not told."""
        pages = self.pages("list_multipart_uploads")
        for found in (found for page in pages for found in page.get("Uploads", ())):
            yield StoredFile(self.place.name(found["Key"]), 0, found["Initiated"])

    def abort_all(self, name: str) -> None:
        """Abort every upload of one file."""
        for page in self.pages("list_multipart_uploads", name):
            for found in page.get("Uploads", ()):
                if found["Key"] == self.place.key(name):
                    parameters = {"uploadId": found["UploadId"]}
                    self.requests.ask("DELETE", name, parameters=parameters)

    def pages(self, operation: str, name: str = "") -> Iterator[dict[str, Any]]:
        """Ask for page after page.

        Raises:
            StorageAway: the bucket cannot be asked.
        """
        pages = self.client.get_paginator(operation).paginate(
            Bucket=self.place.bucket, Prefix=self.place.key(name)
        )
        try:
            yield from pages
        except (ClientError, BotoCoreError) as error:
            raise StorageAway(f"the bucket cannot be listed: {reason(error)}") from None


class Parts:
    """What was sent of one file: tags for putting it together, checksums for comparing."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.part_bytes = max(PART_BYTES, math.ceil(size / MOST_PARTS))
        self.count = max(1, math.ceil(size / self.part_bytes))
        self.tags: list[dict[str, Any]] = []
        self.whole = hashlib.sha256()
        self.of_parts = hashlib.sha256()

    def add(self, block: bytes) -> str:
        """Take a part into account; returns its checksum as the server wants it."""
        self.whole.update(block)
        digest = hashlib.sha256(block).digest()
        self.of_parts.update(digest)
        return base64.b64encode(digest).decode()

    @property
    def sha256(self) -> str:
        return self.whole.hexdigest()

    @property
    def checksum(self) -> str:
        """Return the checksum of checksums, without the number of parts.

        Source: Amazon S3 User Guide, "Checking object integrity", composite checksums.
        """
        return base64.b64encode(self.of_parts.digest()).decode()


def client_config(place: Place) -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if place.is_path_style else "virtual"},
        connect_timeout=min(CONNECT_SECONDS, place.timeout_seconds),
        read_timeout=place.timeout_seconds,
        # Waits longer from one try to the next.
        retries={"mode": "standard", "total_max_attempts": place.attempts},
        # Some servers refuse the checksums that newer clients add to everything; ours are our own.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def reason(error: ClientError | BotoCoreError) -> str:
    """Name an error without its text, which may hold addresses."""
    if isinstance(error, ClientError):
        return f"{error.operation_name} {error.response.get('Error', {}).get('Code', '?')}"
    return type(error).__name__


def failed(error: ClientError | BotoCoreError) -> NoRoom | StorageFailed:
    why = reason(error)
    log.warning("an upload failed", reason=why)
    if why.rpartition(" ")[2] in FULL:
        return NoRoom("The server has no room left for the file; try again later.")
    return StorageFailed(REFUSED)
