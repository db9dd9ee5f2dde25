"""Why a PSIM call is refused."""

from __future__ import annotations

from http import HTTPStatus

from rest_framework.exceptions import APIException

NO_TASK = "There is no such archive task."


class Refused(APIException):
    """A call that cannot be answered as asked: the status, and why in words."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status_code = int(status)


def bad(message: str) -> Refused:
    """Refuse what was sent."""
    return Refused(HTTPStatus.BAD_REQUEST, message)


def missing(message: str) -> Refused:
    """Refuse for want of what was named."""
    return Refused(HTTPStatus.NOT_FOUND, message)
