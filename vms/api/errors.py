"""Every refusal the server answers, in one wire form: status, message and the wrong keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from vms.api.middleware import request_id_of
from vms.api.words import in_json_words

logger = structlog.get_logger(__name__)

INVALID = "The given data was invalid."
JSON_PREFIXES = ("/api/", "/broadcasting/")
# PostgreSQL's names of a serialization failure and a deadlock, SQLite's of a lock that stays.
CONFLICTS = {"40001", "40P01", "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"}
MESSAGES = {
    400: "The request cannot be read.",
    401: "Unauthenticated.",
    403: "This action is not allowed.",
    404: "Not found.",
    409: "Something else changed this at the same moment; try again.",
    413: "The request is too large.",
    500: "Server Error",
}
Headers = dict[str, str]


class LicenseRequired(exceptions.APIException):
    """A license is installed and does not allow this."""

    status_code = HTTPStatus.PAYMENT_REQUIRED
    default_detail = "The license does not allow this."
    default_code = "license"


class Overloaded(exceptions.Throttled):
    """The server has all the work it takes: `Overloaded(wait=30)` says when to try again."""

    default_detail = "The server has all the work it can take"


class InvalidData(exceptions.ValidationError):
    """Refuse values: `InvalidData({"ids.0": ["..."]})`; keys may be nested or already dotted."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY


class AccessBlocked(InvalidData):
    """The camera is the caller's but its access is blocked: 403 with the body of a 422."""

    status_code = HTTPStatus.FORBIDDEN


def answer_error(exc: Exception, _context: Mapping[str, Any]) -> Response | None:
    """Turn an exception of an API view into its answer; None lets Django answer 500 and log it.

    Set as EXCEPTION_HANDLER of Django REST framework.
    """
    refusal = as_refusal(exc)
    if refusal is None:
        return None
    set_rollback()
    status, body, headers = refusal
    return Response(body, status=status, headers=headers)


def as_refusal(exc: Exception) -> tuple[int, dict[str, Any], Headers] | None:
    """Give status, body and headers of the answer; None for what is nobody's mistake but ours."""
    if isinstance(exc, exceptions.ValidationError):
        status = exc.status_code if isinstance(exc, InvalidData) else InvalidData.status_code
        return int(status), {"message": INVALID, "errors": dotted_errors(exc.detail)}, {}
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return 401, message_body(401), {"WWW-Authenticate": "Bearer"}
    if isinstance(exc, exceptions.Throttled):
        seconds = max(1, math.ceil(getattr(exc, "wait", None) or 1))
        what = exc.default_detail if isinstance(exc, Overloaded) else "Too many attempts"
        text = f"{what}; try again in {seconds} seconds."
        return 429, {"message": text}, {"Retry-After": str(seconds)}
    if isinstance(exc, Http404 | exceptions.NotFound):
        return 404, message_body(404), {}
    if isinstance(exc, exceptions.APIException):
        return exc.status_code, {"message": message_of(exc)}, {}
    status_of_others = status_of_django_error(exc)
    return (
        None if status_of_others is None else (status_of_others, message_body(status_of_others), {})
    )


def status_of_django_error(exc: Exception) -> int | None:
    """Give the status of an error that Django or the database raised below a view."""
    if isinstance(exc, PermissionDenied):
        return 403
    if isinstance(exc, RequestDataTooBig):
        return 413
    if isinstance(exc, SuspiciousOperation | UnreadablePostError):
        return 400
    if is_conflict(exc):
        # A constraint caught a race that validation could not see, or two writers met. The log
        # keeps what it was.
        logger.warning("database_conflict", exc_info=exc)
        return 409
    return None


def is_conflict(exc: Exception) -> bool:
    """Say whether the database refused a write that can succeed when it is tried again."""
    if isinstance(exc, IntegrityError):
        return True
    names = (getattr(exc.__cause__, name, None) for name in ("sqlstate", "sqlite_errorname"))
    return isinstance(exc, OperationalError) and not CONFLICTS.isdisjoint(names)


def message_of(exc: exceptions.APIException) -> str:
    if isinstance(exc.detail, list | dict):
        return str(exc.default_detail)
    if exc.detail == exceptions.PermissionDenied.default_detail:
        return MESSAGES[403]
    return str(exc.detail)


def message_body(status: int) -> dict[str, Any]:
    return {"message": MESSAGES[status]}


def dotted_errors(detail: Any) -> dict[str, list[str]]:
    """Flatten nested errors into `{"cameras.1.uuid": ["..."]}`.

    Errors of the whole body or of a nested object as a whole stand under DRF's own key for them
    (`non_field_errors`) at the top and under the object's key below.
    """
    errors: dict[str, list[str]] = {}
    collect_errors(detail, "", errors)
    return errors


def collect_errors(detail: Any, key: str, errors: dict[str, list[str]]) -> None:
    """Add the messages of *detail*, found at *key*, to *errors*."""
    whole = api_settings.NON_FIELD_ERRORS_KEY
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            collect_errors(inner, key if key and name == whole else join(key, name), errors)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            # A list of texts holds the messages of one key; a list of objects has one per item.
            nested = isinstance(inner, Mapping | list | tuple)
            collect_errors(inner, join(key, index) if nested else key, errors)
    else:
        errors.setdefault(key or whole, []).append(in_json_words(str(detail)))


def join(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


# --- outside API views: Django's handlers --------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 for a body that is too large (Django's handler400)."""
    return plain_answer(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer 403 (Django's handler403)."""
    return plain_answer(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer 404 (Django's handler404)."""
    return plain_answer(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the id under which the log tells what happened (Django's handler500)."""
    return plain_answer(request, 500)


def plain_answer(request: HttpRequest, status: int) -> HttpResponse:
    """Answer JSON to programs, a small page to people; neither says more than the status."""
    request_id = request_id_of(request)
    body = message_body(status)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        body["request_id"] = request_id
    if wants_json(request):
        return JsonResponse(body, status=status)
    footer = f"<p><small>Request {request_id}</small></p>" if "request_id" in body else ""
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{body['message']}</title>"
        f"<h1>{status}</h1><p>{body['message']}</p>{footer}</html>"
    )
    return HttpResponse(page, status=status)


def wants_json(request: HttpRequest) -> bool:
    if f"{request.path}/".startswith(JSON_PREFIXES):
        return True
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
