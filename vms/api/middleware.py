"""Gives every request an id that its answer and its log lines carry."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
META_KEY = "HTTP_X_REQUEST_ID"
HEADER = "X-Request-ID"


class RequestIdMiddleware:
    """Keep a sane incoming `X-Request-ID`, else make one; answer with it.

    Stands before django_structlog's middleware, which binds the header it finds to all log lines.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        name_request(request)
        answer = self.get_response(request)
        if isinstance(answer, HttpResponseBase):
            return mark_answer(answer, request)
        return self.wait(answer, request)

    async def wait(
        self, answer: Awaitable[HttpResponseBase], request: HttpRequest
    ) -> HttpResponseBase:
        return mark_answer(await answer, request)


def request_id_of(request: HttpRequest) -> str:
    return str(request.META.get(META_KEY, ""))


def name_request(request: HttpRequest) -> None:
    if not SANE_ID.fullmatch(request_id_of(request)):
        request.META[META_KEY] = uuid.uuid4().hex


def mark_answer(answer: HttpResponseBase, request: HttpRequest) -> HttpResponseBase:
    answer.headers[HEADER] = request_id_of(request)
    return answer
