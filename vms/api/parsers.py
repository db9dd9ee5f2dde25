"""Reads request bodies, always as UTF-8; their size is bounded before this."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class InUtf8(parsers.BaseParser):
    """Mixed in before a parser: it reads UTF-8, whatever charset the client named.

    Some charsets make halves of surrogate pairs out of plain ASCII.
    """

    encoding = "utf-8"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return super().parse(
            stream, media_type, {**(parser_context or {}), "encoding": self.encoding}
        )


class BodyParser(InUtf8, parsers.JSONParser):
    """JSON that cannot be worked with is a bad request, not a server error.

    That is what is nested too deeply, a number beyond all floats, and half a character: JSON may
    escape one half of a surrogate pair alone, and such a text can be neither stored, hashed nor
    sent on. A byte order mark, which some clients send first, is skipped (RFC 8259, 8.1).
    """

    encoding = "utf-8-sig"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            body = super().parse(stream, media_type, parser_context)
            json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply.") from error
        except UnicodeEncodeError as error:
            raise ParseError("JSON parse error - half a surrogate pair.") from error
        except ValueError as error:
            raise ParseError("JSON parse error - a number is out of range.") from error
        return body


class FormParser(InUtf8, parsers.FormParser):
    """Reads forms as UTF-8."""


class MultiPartParser(InUtf8, parsers.MultiPartParser):
    """Reads forms in parts as UTF-8."""
