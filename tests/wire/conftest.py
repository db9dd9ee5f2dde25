"""What the wire tests share with those of downloads."""

from __future__ import annotations

from tests.downloads.conftest import broker, no_broker, yard

__all__ = ["broker", "no_broker", "yard"]
