"""A bucket, for the tests of this folder alone: its server takes seconds to start."""

from __future__ import annotations

from tests.s3 import bucket, s3_front, s3_proxy, s3_server  # noqa: F401 - fixtures
