"""Addresses of streams as operators type them: refused here, or recorded from."""

from __future__ import annotations

from cameras.demo.options import read_encoding
from cameras.sources import BadSource, check_source_url


def check_typed_url(url: str) -> None:
    """Refuse an address we could not record from, the options of a synthetic camera included.

    Raises:
        BadSource: with what to write instead.
    """
    check_source_url(url)
    if url.startswith("demo:"):
        if url.removeprefix("demo:").partition("?")[0]:
            raise BadSource("Write the options of a demo camera after a ?: demo:?size=640x360.")
        read_encoding(url)
