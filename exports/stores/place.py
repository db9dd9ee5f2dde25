"""Where a bucket is and how one asks for it: an operator's VMS_S3_ settings as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class Place:
    """A bucket, the part of it that is ours, and what opens it.

    `key_id` and `secret` are None where the machine itself has a role that may.
    """

    bucket: str
    prefix: str
    endpoint: str
    link_endpoint: str
    region: str
    is_path_style: bool
    key_id: str | None
    secret: str | None = field(repr=False)
    ca_file: Path | None
    timeout_seconds: float
    attempts: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Read the place from the settings; VMS_S3_BUCKET has to be among them."""
        region = values["VMS_S3_REGION"]
        own = values["VMS_S3_ENDPOINT_URL"]
        endpoint = own or f"https://s3.{region}.amazonaws.com"
        addressing = values["VMS_S3_ADDRESSING"]
        return cls(
            bucket=values["VMS_S3_BUCKET"],
            prefix=values["VMS_S3_PREFIX"] or "",
            endpoint=endpoint,
            link_endpoint=values["VMS_S3_LINK_ENDPOINT_URL"] or endpoint,
            region=region,
            # A server of one's own seldom has a name for each bucket.
            is_path_style=addressing == "path" or (addressing == "auto" and own is not None),
            key_id=values["VMS_S3_ACCESS_KEY_ID"],
            secret=values["VMS_S3_SECRET_ACCESS_KEY"],
            ca_file=values["VMS_S3_CA_FILE"],
            timeout_seconds=values["VMS_S3_TIMEOUT_SECONDS"],
            attempts=values["VMS_S3_ATTEMPTS"],
        )

    def key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def name(self, key: str) -> str:
        return key.removeprefix(self.prefix)

    def address(self, name: str, endpoint: str = "") -> str:
        """Return the address of a file, or of the bucket when *name* is empty, without signature.

        Source: Amazon S3 User Guide, "Virtual hosting of buckets".
        """
        parts = urlsplit(endpoint or self.endpoint)
        path = f"/{quote(self.key(name))}" if name else "/"
        if self.is_path_style:
            return f"{parts.scheme}://{parts.netloc}/{self.bucket}{path if name else ''}"
        return f"{parts.scheme}://{self.bucket}.{parts.netloc}{path}"
