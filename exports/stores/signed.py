"""Asking a bucket with signed addresses: little memory, for processes that upload nothing.

A client of boto3 costs 20 MB in each process; signing and plain HTTP are enough to look, to read,
to delete and to make links.

Source: AWS Signature Version 4, "Authenticating requests: using query parameters".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any

import urllib3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError

from exports.stores.base import StorageAway
from exports.stores.place import Place

# Longer than the clocks of two machines differ and one answer takes, but no link for others.
REQUEST_SECONDS = 300
CONNECT_SECONDS = 5.0
FIRST_WAIT_SECONDS = 0.2
# After a failure nobody waits for the same again for so long: a row of files would take for ever.
# Who is reading a file tries all the same: otherwise all readers would be lost with one failure.
REST_SECONDS = 2.0
NO_KEY = "no key for the bucket: set VMS_S3_ACCESS_KEY_ID"
MAY_PASS = {429, 500, 502, 503, 504}
NOT_ALLOWED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class SignedRequests:
    """Sends signed requests for the files of one bucket; may be used by several threads."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.away_until = 0.0
        self.pool = urllib3.PoolManager(
            maxsize=8,
            retries=False,
            ca_certs=str(place.ca_file) if place.ca_file else None,
        )

    def timeout(self, seconds: float) -> urllib3.Timeout:
        return urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)

    @cached_property
    def credentials(self) -> Credentials:
        """Find what opens the bucket; the key of a role is renewed by itself.

        Raises:
            StorageAway, BotoCoreError: there is none.
        """
        if self.place.key_id is not None:
            return Credentials(self.place.key_id, self.place.secret)
        # What the machine has: its environment, a profile, a role.
        from botocore.session import Session

        found = Session().get_credentials()
        if found is None:
            raise StorageAway(NO_KEY)
        return found

    def sign(
        self,
        method: str,
        name: str,
        seconds: int,
        parameters: Mapping[str, str] | None = None,
        endpoint: str = "",
    ) -> str:
        """Return the address of a file, or of the bucket, good for one *method* for so long.

        Raises:
            StorageAway: there is no key to sign with.
        """
        address = self.place.address(name, endpoint)
        request = AWSRequest(method=method, url=address, params=dict(parameters or {}))
        try:
            key = self.credentials.get_frozen_credentials()  # not renewed while it is used
        except BotoCoreError as error:
            raise StorageAway(NO_KEY) from error
        S3SigV4QueryAuth(key, "s3", self.place.region, expires=seconds).add_auth(request)
        return str(request.prepare().url)

    def ask(
        self,
        method: str,
        name: str,
        *,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        attempts: int | None = None,
        timeout_seconds: float | None = None,
        is_streamed: bool = False,
    ) -> Any:
        """Send a request, again if that may help; returns the answer, which may be a refusal.

        Raises:
            StorageAway: no answer, or none but 5xx; the text holds no address.
        """
        if not is_streamed and time.monotonic() < self.away_until:
            raise StorageAway("the bucket did not answer a moment ago")
        wait = FIRST_WAIT_SECONDS
        for left in reversed(range(attempts or self.place.attempts)):
            answer, trouble = self.ask_once(
                method, name, headers, parameters, timeout_seconds, is_streamed
            )
            if answer is not None:
                return answer
            if left:
                time.sleep(wait)
                wait *= 2
        self.away_until = time.monotonic() + REST_SECONDS
        raise StorageAway(f"the bucket does not answer: {trouble}")

    def ask_once(
        self,
        method: str,
        name: str,
        headers: Mapping[str, str] | None,
        parameters: Mapping[str, str] | None,
        timeout_seconds: float | None,
        is_streamed: bool,  # noqa: FBT001 - passed on
    ) -> tuple[Any, str]:
        """Return the answer, or None and what was wrong."""
        url = self.sign(method, name, REQUEST_SECONDS, parameters)
        try:
            answer = self.pool.request(
                method,
                url,
                headers=dict(headers or {}),
                preload_content=not is_streamed,
                decode_content=False,
                redirect=False,
                timeout=self.timeout(timeout_seconds or self.place.timeout_seconds),
            )
        except urllib3.exceptions.HTTPError as error:
            return None, type(error).__name__  # its text holds the signed address
        if answer.status in MAY_PASS:
            answer.close()
            return None, f"status {answer.status}"
        return answer, ""


class OpenedInBucket:
    """A finished file of a bucket, read as a stream; one that breaks off is taken up again."""

    def __init__(self, requests: SignedRequests, name: str, size: int) -> None:
        self.requests = requests
        self.name = name
        self.size = size
        self.position = 0
        self.end = size
        self.answer: Any = None

    def start(self, begin: int, end: int) -> None:
        self.close()
        self.position, self.end = begin, end

    def read(self, count: int) -> bytes:
        for _ in range(self.requests.place.attempts):
            if self.position >= self.end:
                return b""
            block = self.read_once(min(count, self.end - self.position))
            if block:
                self.position += len(block)
                return block
        raise StorageAway("the bucket breaks off again and again")

    def read_once(self, count: int) -> bytes:
        """Return some bytes, none when the stream broke off."""
        if self.answer is None:
            self.answer = self.stream()
        try:
            block: bytes = self.answer.read(count)
        except urllib3.exceptions.HTTPError:
            block = b""
        if not block:
            self.close()
        return block

    def stream(self) -> Any:
        wanted = {"Range": f"bytes={self.position}-{self.end - 1}"}
        answer = self.requests.ask("GET", self.name, headers=wanted, is_streamed=True)
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            answer.close()
            raise StorageAway(f"the bucket answers {answer.status} to a range")
        return answer

    def close(self) -> None:
        if self.answer is not None:
            # Not given back to the pool: the rest of the stream is on its way.
            self.answer.close()
            self.answer = None
