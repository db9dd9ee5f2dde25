"""Absolute links to this server, as clients outside can follow them."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def origin(request: HttpRequest | Request) -> str:
    """Return scheme and host without a final slash: the public address, else what the client used.

    A job that makes links later, without a request, keeps this text with its row.
    """
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    return f"{request.scheme}://{request.get_host()}"


def absolute_url(request: HttpRequest | Request, path: str) -> str:
    """Make *path*, which begins with a slash and is already quoted, into an absolute link."""
    return f"{origin(request)}{path}"
