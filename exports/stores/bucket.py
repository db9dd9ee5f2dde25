"""Finished files in a bucket of an S3-compatible store.

A file is made in the storage folder, as always, and then uploaded. Looking, reading, deleting and
links need no more than signed requests; uploads and lists are `exports.stores.upload`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from botocore.exceptions import BotoCoreError

from exports import storage
from exports.stores.base import Beside, LinkAnswer, StorageAway, StoredFile
from exports.stores.place import Place
from exports.stores.signed import NO_KEY, NOT_ALLOWED, OpenedInBucket, SignedRequests

if TYPE_CHECKING:
    from exports.stores.upload import Uploads

log = structlog.get_logger(__name__)

# The longest a link may live. Source: AWS Signature Version 4, X-Amz-Expires.
LONGEST_LINK_SECONDS = 604_800
QUICK_SECONDS = 3.0
# Stands before the name of a file whose upload nobody finished. Such a one is a stray even while
# the file itself, uploaded once more when an answer was lost, is one of a ready job.
UPLOAD = ".upload/"


class BucketStore:
    """A bucket, or the part of one whose keys begin with our prefix."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.requests = SignedRequests(place)

    @property
    def uploads(self) -> Uploads:
        # Only workers and commands come here: a client of boto3 costs 20 MB.
        from exports.stores.upload import uploads_to

        try:
            return uploads_to(self.place, self.requests)
        except BotoCoreError as error:
            raise StorageAway(NO_KEY) from error

    def publish(
        self,
        partial: Path,
        name: str,
        beside: Beside,
        digest: Callable[[Path], str],
    ) -> str:
        sha256 = digest(partial)
        self.uploads.upload(partial, name, sha256, beside)
        return sha256

    def open(self, name: str) -> OpenedInBucket:
        answer = self.requests.ask("HEAD", name)
        if answer.status == HTTPStatus.OK:
            return OpenedInBucket(self.requests, name, int(answer.headers["Content-Length"]))
        self.require_that_it_is_missing(answer.status)
        raise FileNotFoundError

    def exists(self, name: str) -> bool:
        # Asked while others wait: for rows that are locked, on SQLite for the whole database.
        quick = min(QUICK_SECONDS, self.place.timeout_seconds)
        status = self.requests.ask("HEAD", name, attempts=1, timeout_seconds=quick).status
        if status == HTTPStatus.OK:
            return True
        self.require_that_it_is_missing(status, is_quick=True)
        return False

    def require_that_it_is_missing(self, status: int, *, is_quick: bool = False) -> None:
        """See that a file is really not there: a bucket that is not there answers 404 too.

        Raises:
            StorageAway: nothing is known of the file.
        """
        if status != HTTPStatus.NOT_FOUND:
            raise StorageAway(f"the bucket answers {status}")
        if problem := self.problem(is_quick=is_quick):
            raise StorageAway(problem)

    def link(self, name: str, method: str, seconds: int, answer: LinkAnswer) -> str:
        said = {
            "response-cache-control": "private, no-transform",
            "response-content-disposition": answer.content_disposition,
            "response-content-type": answer.content_type,
        }
        seconds = min(seconds, LONGEST_LINK_SECONDS)
        return self.requests.sign(method, name, seconds, said, self.place.link_endpoint)

    def delete(self, name: str) -> None:
        answer = self.requests.ask("DELETE", name)
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.status != HTTPStatus.NOT_FOUND:
            raise StorageAway(f"the bucket answers {answer.status} to a deletion")

    def files(self) -> Iterator[StoredFile]:
        return (file for file in self.uploads.objects() if is_ours(file.name))

    def strays(self, older_than: datetime) -> list[str]:
        """List objects, unfinished uploads, and partial files of the folder they are made in.

        Raises:
            StorageAway: the bucket cannot be asked.
        """
        whole = (file for file in self.files() if file.written_at < older_than)
        begun = (file for file in self.uploads.unfinished() if file.written_at < older_than)
        return sorted(
            {
                *(file.name for file in whole),
                *(UPLOAD + file.name[3:] for file in begun if is_ours(file.name)),
                *storage.strays(older_than),
            }
        )

    def remove_stray(self, name: str) -> None:
        if name.startswith(UPLOAD):
            file = name.removeprefix(UPLOAD)
            self.uploads.abort_all(f"{file[:2]}/{file}")
        elif storage.path_of(name).exists():
            storage.delete(name)
        else:
            self.delete(name)

    def problem(self, *, is_quick: bool = False) -> str | None:
        try:
            status = self.ask_for_bucket(is_quick=is_quick)
        except StorageAway as error:
            return str(error)
        if status == HTTPStatus.OK:
            return None
        if status in NOT_ALLOWED:
            return "the bucket refuses the key"
        if status == HTTPStatus.NOT_FOUND:
            return "there is no such bucket"
        return f"the bucket answers {status}; perhaps it is in another region"

    def ask_for_bucket(self, *, is_quick: bool) -> int:
        if not is_quick:
            return int(self.requests.ask("HEAD", "").status)
        # Twice: one answer that was lost must not keep everybody else from asking.
        seconds = min(QUICK_SECONDS / 2, self.place.timeout_seconds)
        return int(self.requests.ask("HEAD", "", attempts=2, timeout_seconds=seconds).status)


def is_ours(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return file[:2] == folder and storage.OWN_NAME.fullmatch(file) is not None
