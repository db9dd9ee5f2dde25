"""Pages of a list in the envelope of Laravel's length-aware paginator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.db.models import QuerySet
from django.http import QueryDict
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vms.api.errors import InvalidData
from vms.api.links import absolute_url

PER_PAGE = 25
MOST_PER_PAGE = 100
MOST_PAGE = 10**15
# From so many rows on, skipping costs more than one query more.
DEEP = 1000
ON_EACH_SIDE = 3
WINDOW = ON_EACH_SIDE + 4
WHOLE = re.compile(r"[0-9]{1,16}", re.ASCII)


@dataclass(frozen=True)
class PageRequest:
    number: int
    per_page: int


def page_errors(query: QueryDict) -> dict[str, list[str]]:
    """List what is wrong with `page` and `per_page`, to be shown together with other errors."""
    errors = {}
    if read_whole(query.get("page", "1"), MOST_PAGE) is None:
        errors["page"] = ["The page must be a whole number, at least 1."]
    if read_whole(query.get("per_page", str(PER_PAGE)), MOST_PER_PAGE) is None:
        errors["per_page"] = [f"Write a whole number from 1 to {MOST_PER_PAGE}."]
    return errors


def read_page(query: QueryDict) -> PageRequest:
    """Read which page is asked for.

    Raises:
        InvalidData: on `page`, `per_page` or both.
    """
    if errors := page_errors(query):
        raise InvalidData(errors)
    return PageRequest(int(query.get("page", "1")), int(query.get("per_page", str(PER_PAGE))))


def read_whole(text: str, most: int) -> int | None:
    if not WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        return None
    return int(text)


def listed_pages(current: int, last: int) -> list[int | None]:
    """List the page numbers that get a link, with None for each gap, as Laravel's UrlWindow does.

    The thresholds are those of `onEachSide = 3`; a page past the end counts as near the end.
    """
    if last < ON_EACH_SIDE * 2 + 8:
        return list(range(1, last + 1))
    first_two, last_two = [1, 2], [last - 1, last]
    edge = WINDOW + ON_EACH_SIDE
    if current <= WINDOW:
        return [*range(1, edge + 1), None, *last_two]
    if current > last - WINDOW:
        return [*first_two, None, *range(last - edge + 1, last + 1)]
    middle = range(current - ON_EACH_SIDE, current + ON_EACH_SIDE + 1)
    return [*first_two, None, *middle, None, *last_two]


class LengthAwarePagination(BasePagination):
    """Answer `data`, `links` and `meta`; one count and at most one page of rows is read."""

    path: str
    query: list[tuple[str, str]]
    asked: PageRequest
    total: int
    shown: int

    def paginate_queryset(
        self,
        queryset: QuerySet[Any] | Sequence[Any],
        request: Request,
        view: APIView | None = None,  # noqa: ARG002 - DRF's signature
    ) -> list[Any]:
        self.asked = read_page(request.query_params)
        self.path = absolute_url(request, quote(request.path))
        self.query = [
            (name, value)
            for name, values in request.query_params.lists()
            for value in values
            if name != "page"
        ]
        self.total = queryset.count() if isinstance(queryset, QuerySet) else len(queryset)
        begin = (self.asked.number - 1) * self.asked.per_page
        # Nothing is asked of the database past the end: huge offsets overflow its integers.
        rows = read_rows(queryset, begin, self.asked.per_page) if begin < self.total else []
        self.shown = len(rows)
        return rows

    @property
    def last_page(self) -> int:
        return max(1, -(-self.total // self.asked.per_page))

    def get_paginated_response(self, data: Any) -> Response:
        current, last = self.asked.number, self.last_page
        first_row = (current - 1) * self.asked.per_page + 1
        before = self.link(current - 1) if current > 1 else None
        after = self.link(current + 1) if current < last else None
        return Response(
            {
                "data": data,
                "links": {
                    "first": self.link(1),
                    "last": self.link(last),
                    "prev": before,
                    "next": after,
                },
                "meta": {
                    "current_page": current,
                    "from": first_row if self.shown else None,
                    "last_page": last,
                    "links": [
                        labelled(before, "pagination.previous"),
                        *self.page_links(),
                        labelled(after, "pagination.next"),
                    ],
                    "path": self.path,
                    "per_page": self.asked.per_page,
                    "to": first_row + self.shown - 1 if self.shown else None,
                    "total": self.total,
                },
            }
        )

    def page_links(self) -> Iterator[dict[str, Any]]:
        for number in listed_pages(self.asked.number, self.last_page):
            if number is None:
                yield labelled(None, "...")
            else:
                active = number == self.asked.number
                yield {**labelled(self.link(number), str(number)), "active": active}

    def link(self, number: int) -> str:
        query = urlencode([*self.query, ("page", str(number))], quote_via=quote)
        return f"{self.path}?{query}"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        whole, maybe = {"type": "integer"}, {"type": ["integer", "null"]}
        page_link = object_schema(url=link, label={"type": "string"}, active={"type": "boolean"})
        return object_schema(
            data=schema,
            links=object_schema(first=link, last=link, prev=link, next=link),
            meta=object_schema(
                **{"from": maybe, "to": maybe},
                current_page=whole,
                last_page=whole,
                links={"type": "array", "items": page_link},
                path={"type": "string", "format": "uri"},
                per_page=whole,
                total=whole,
            ),
        )

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:  # noqa: ARG002 - DRF's signature
        return [
            query_parameter("page", "Page to show.", 1),
            query_parameter("per_page", "Rows of a page.", PER_PAGE, maximum=MOST_PER_PAGE),
        ]


def read_rows(rows: QuerySet[Any] | Sequence[Any], begin: int, count: int) -> list[Any]:
    """Read a page; of a deep one the keys first, so that nothing is joined to what is skipped."""
    if begin < DEEP or not isinstance(rows, QuerySet):
        return list(rows[begin : begin + count])
    keys = list(rows.values_list("pk", flat=True)[begin : begin + count])
    return list(rows.filter(pk__in=keys))


def labelled(url: str | None, label: str) -> dict[str, Any]:
    return {"url": url, "label": label, "active": False}


def object_schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def query_parameter(name: str, description: str, default: int, **limits: int) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "integer", "minimum": 1, "default": default, **limits},
    }
